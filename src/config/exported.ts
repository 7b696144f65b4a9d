// A configuration as one `weir.yaml` that leaves the program: what can stand in a file, with the names of the values that must be set in
// front of it in the place of every secret. No secret is ever in it.

import { classifyAddress } from '../core/address.ts'
import { DEFAULT_CIRCUIT, type Model, type Provider } from '../core/catalog.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { GuardrailRule } from '../core/guardrail.ts'
import type { BudgetRule, LimitRule } from '../core/money.ts'
import type { SettingValues } from '../core/ports.ts'
import type { ConfigSource } from './config.ts'
import { DEFAULT_BASE_URLS } from './base-urls.ts'
import { sectionForm, toYaml, type FormStyle } from './file-form.ts'
import {
  budgetValues,
  limitValues,
  modelValues,
  providerValues,
  unwritable,
} from './from-catalog.ts'
import type { SectionNode } from './node.ts'
import { MODEL } from './schema-catalog.ts'
import { GUARDRAIL, guardrailValues } from './schema-guardrails.ts'
import { BUDGET, LIMIT } from './schema-money.ts'
import { PROVIDER } from './schema-provider.ts'
import { SCHEMA } from './schema.ts'
import { formatDuration } from './units.ts'

/** What goes into an export; a part that is absent was not asked for, or may not be seen. */
export interface ExportParts {
  /** Where it comes from a file: what is declared there of the parts that are asked for goes along. */
  readonly source?: ConfigSource
  readonly withSettings?: true
  readonly stored?: SettingValues
  readonly providers?: readonly Provider[]
  readonly models?: readonly Model[]
  readonly limits?: readonly LimitRule[]
  readonly budgets?: readonly BudgetRule[]
  readonly guardrails?: readonly GuardrailRule[]
  /** Names of API keys, which cannot be exported. */
  readonly keyNames: readonly string[]
}

type Kind = 'providers' | 'models' | 'limits' | 'budgets' | 'guardrails'

const NODES: Readonly<Record<Kind, SectionNode>> = {
  providers: PROVIDER,
  models: MODEL,
  limits: LIMIT,
  budgets: BUDGET,
  guardrails: GUARDRAIL,
}

/** One thing in the form of the file. */
export function formOf(kind: Kind, values: unknown, style: FormStyle): JsonObject {
  return withoutCommon(kind, sectionForm(NODES[kind], values, style))
}

/** Its type's own address, and what follows from its action, is no setting of its own. */
function withoutCommon(kind: Kind, form: JsonObject): JsonObject {
  const rest: Record<string, JsonValue | undefined> = { ...form }
  if (kind === 'providers') {
    const usual = DEFAULT_BASE_URLS[String(form['type']) as keyof typeof DEFAULT_BASE_URLS]
    if (form['base_url'] === usual) delete rest['base_url']
    const circuit = withoutUsualRest(form['circuit'], String(form['base_url'] ?? ''))
    if (circuit === undefined) delete rest['circuit']
    else rest['circuit'] = circuit as JsonValue
  }
  if (kind === 'models') delete rest['tenant']
  if (kind === 'budgets') {
    const follows = form['action'] === 'alert' ? 'allow' : 'block'
    if (rest['unknown_price'] === follows) delete rest['unknown_price']
    if (JSON.stringify(rest['alert_at']) === '[0.8,1]') delete rest['alert_at']
  }
  return rest
}

/** A server on this machine is tried again soon, unless it is said otherwise. */
function withoutUsualRest(circuit: JsonValue | undefined, baseUrl: string): JsonObject | undefined {
  if (typeof circuit !== 'object' || circuit === null || Array.isArray(circuit)) return undefined
  const { open_max: most, ...rest } = circuit as JsonObject
  const isHere = classifyAddress(URL.parse(baseUrl)?.hostname ?? '') === 'loopback'
  const isUsual = isHere && most === (rest['open'] ?? formatDuration(DEFAULT_CIRCUIT.openMs))
  const kept = isUsual || most === undefined ? rest : circuit
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** Names for secrets, each once. */
class SecretNames {
  readonly names: string[] = []

  name(thing: string, path: string): string {
    const words = `${thing}.${path}`
      .replaceAll(/\[(\d+)\]/g, (_, index: string) => `_${Number(index) + 1}`)
      .replaceAll(/[^A-Za-z0-9]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
      .toUpperCase()
    let name = `WEIR_${words}`
    for (let turn = 2; this.names.includes(name); turn += 1) name = `WEIR_${words}_${turn}`
    this.names.push(name)
    return `\${${name}}`
  }
}

/** The document, and in front of it what a reader must know. */
export function exportText(parts: ExportParts, format: 'yaml' | 'json'): string {
  const secrets = new SecretNames()
  const document: Record<string, JsonValue | undefined> = { ...settingsForm(parts, secrets) }
  const missing: string[] = []
  const providers = listOf('providers', parts, providerValues, secrets)
  const models = listOf('models', parts, modelValues, secrets)
  const limits = listOf('limits', parts, limitValues, secrets)
  const budgets = listOf('budgets', parts, budgetValues, secrets)
  const guardrails = listOf('guardrails', parts, guardrailValues, secrets)
  for (const [name, list] of Object.entries({ providers, models, limits, budgets, guardrails })) {
    if (list.length > 0) document[name] = list
  }
  for (const provider of parts.providers ?? []) {
    const what = unwritable(provider)
    if (what.length > 0) missing.push(`providers ${provider.id}: ${what.join(', ')} (PEM text)`)
  }
  for (const name of parts.keyNames) missing.push(`API key ${name}: only its hash is known`)
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`
  return `${headOf(secrets.names, missing)}${toYaml(document)}`
}

function headOf(names: readonly string[], missing: readonly string[]): string {
  const lines = ['Configuration of Weir, exported.']
  if (names.length > 0) lines.push('Secrets are not in it. Set these before it is used:')
  lines.push(...names.map((name) => `  ${name}`))
  if (missing.length > 0) lines.push('Not exported:')
  lines.push(...missing.map((line) => `  ${line}`))
  return `${lines.map((line) => `# ${line.replaceAll(/[\r\n]/g, ' ')}`).join('\n')}\n`
}

/** What the file declares, in its order, then what the store has, by name. */
function listOf<T>(
  kind: Kind,
  parts: ExportParts,
  values: (thing: T) => object,
  secrets: SecretNames,
): JsonObject[] {
  const stored = parts[kind] as readonly T[] | undefined
  if (stored === undefined) return []
  const things = [...declaredOf(kind, parts.source), ...stored.map(values)]
  const seen = new Set<unknown>()
  const named = things
    .map((thing, index) => ({ thing, name: nameOf(kind, thing, index) }))
    .filter(({ name }) => {
      const isNew = !seen.has(name)
      seen.add(name)
      return isNew
    })
  const plainForm = (thing: object) => JSON.stringify(formOf(kind, thing, { secret: () => '' }))
  // Their order is what they mean.
  const isList = kind === 'guardrails'
  const sorted = isList
    ? named
    : named.toSorted((one, other) => {
        const [a, b] = [keyOf(kind, one.thing, plainForm), keyOf(kind, other.thing, plainForm)]
        return a < b ? -1 : a > b ? 1 : 0
      })
  return sorted.map(({ thing }, index) => {
    const label = `${kind.slice(0, -1)}.${idOf(thing) ?? index + 1}`
    return formOf(kind, thing, { secret: (path) => secrets.name(label, path) })
  })
}

function idOf(thing: object): string | undefined {
  return 'id' in thing ? String(thing.id) : undefined
}

/** Of two of one name the first is in force. Rules have no names: each stands by itself. */
function nameOf(kind: Kind, thing: object, index: number): string {
  return isNamed(kind) ? (idOf(thing) ?? '') : `${index}`
}

function isNamed(kind: Kind): boolean {
  return kind === 'providers' || kind === 'models' || kind === 'guardrails'
}

function keyOf(kind: Kind, thing: object, form: (thing: object) => string): string {
  return isNamed(kind) ? (idOf(thing) ?? '') : form(thing)
}

/** Of the file alone: what was found in the environment is found again wherever it is. */
function declaredOf(kind: Kind, source: ConfigSource | undefined): object[] {
  if (source === undefined) return []
  const mark = isNamed(kind) ? 'id' : 'per'
  const list: readonly object[] = source.settings[kind]
  return list.filter((_, index) => source.origins.get(`${kind}[${index}].${mark}`) === 'file')
}

/** Settings of the file that are not as they would be anyway, and those of the store. */
function settingsForm(
  { source, stored, withSettings }: ExportParts,
  secrets: SecretNames,
): JsonObject {
  if (source === undefined || withSettings !== true) return {}
  const {
    budgets: _b,
    guardrails: _g,
    keys: _k,
    limits: _l,
    models: _m,
    providers: _p,
    ...keys
  } = SCHEMA.keys
  const declared = withoutOthers(source.settings, '', source)
  const form = sectionForm({ ...SCHEMA, keys }, declared, {
    secret: (path) => secrets.name('', path),
  })
  for (const [path, value] of Object.entries(stored ?? {})) {
    if (!source.origins.has(path)) put(form as Record<string, JsonValue>, path.split('.'), value)
  }
  return inOrder(form)
}

/** Only what the file itself says: a flag or a variable belongs to this one start. */
function withoutOthers(value: unknown, path: string, source: ConfigSource): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const origin = source.origins.get(path)
    return origin === 'file' || Array.isArray(value) ? value : undefined
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const at = path === '' ? name : `${path}.${name}`
      // Of a map or a document the whole has one origin.
      return [name, source.origins.get(at) === 'file' ? member : withoutOthers(member, at, source)]
    }),
  )
}

function put(
  form: Record<string, JsonValue>,
  [name = '', ...rest]: string[],
  value: JsonValue,
): void {
  if (rest.length === 0) {
    form[name] = value
    return
  }
  const inner = { ...(form[name] as Record<string, JsonValue> | undefined) }
  put(inner, rest, value)
  form[name] = inner
}

/** As the schema has them, whoever put them there. */
function inOrder(form: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(SCHEMA.keys).flatMap(([name, node]) => {
      const member = form[name]
      if (member === undefined) return []
      if (node.kind !== 'section') return [[name, member]]
      const names = Object.keys(node.keys)
      const entries = Object.entries(member as JsonObject).toSorted(
        ([one], [other]) => names.indexOf(one) - names.indexOf(other),
      )
      return [[name, Object.fromEntries(entries)]]
    }),
  )
}
