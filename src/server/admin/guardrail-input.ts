// What a guardrail is said to be, by a client of the management API or on the command line, in the words of the core, and a guardrail in the
// words of the API. Pure; whether somebody may set it, and whether its check takes the options, is not decided here.

import type { Static } from '@sinclair/typebox'
import { classifyAddress } from '../../core/address.ts'
import {
  GUARD_MODES,
  GUARD_STAGES,
  type GuardCheckKind,
  type GuardrailRule,
  type GuardStage,
} from '../../core/guardrail.ts'
import { CHECK_DESCRIPTIONS, checkDescription } from '../../core/guardrail-options.ts'
import { maskedOptions, secretOptions, unmaskedOptions } from '../../core/guardrail-secrets.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { invalidMember } from './body.ts'
import { nullable, oneOf, strict, t, words } from './contract.ts'
import { ITEMS, RULE_ID } from './money-schemas.ts'

export const CHECK_KINDS = CHECK_DESCRIPTIONS.map(({ kind }) => kind)
export const DEFAULT_STAGES: readonly GuardStage[] = ['input', 'tool_result']

const ACCESS = t.Array(
  t.String({
    pattern: '^(?:everyone|(?:user|group|team|service|key):\\S.{0,299})$',
    description: '`everyone`, or `user:`, `group:`, `team:`, `service:` or `key:` with a name.',
  }),
  ITEMS,
)

const RULE = {
  check: oneOf(CHECK_KINDS, { description: 'What judges; see `/admin/guardrail-checks`.' }),
  mode: t.Optional(oneOf(GUARD_MODES, { description: '`block` unless given.' })),
  stages: t.Optional(
    t.Array(oneOf(GUARD_STAGES), {
      minItems: 1,
      maxItems: GUARD_STAGES.length,
      description: '`input` and `tool_result` unless given.',
    }),
  ),
  models: t.Optional(
    nullable(t.Array(words(300), ITEMS), {
      description:
        'Names with `*` for any text: as clients ask for them, or `provider/model` of a target. Null: every model.',
    }),
  ),
  for: t.Optional(nullable(ACCESS, { description: 'Whose requests; null: everybody’s.' })),
  except: t.Optional(nullable(ACCESS, { description: 'Whose not; beats `for`.' })),
  timeout_ms: t.Optional(
    t.Integer({
      minimum: 10,
      maximum: LIMITS.guardTimeoutMsMax,
      description: `For one judgement; ${LIMITS.guardTimeoutMs} unless given.`,
    }),
  ),
  on_failure: t.Optional(
    oneOf(['closed', 'open'], {
      description:
        'Where the check does not answer: refuse (`closed`, unless given), or let it through.',
    }),
  ),
  window_chars: t.Optional(
    t.Integer({
      minimum: 16,
      maximum: LIMITS.guardWindowCharsMax,
      description: `Of a streamed answer held back until it is judged; ${LIMITS.guardWindowChars} unless given.`,
    }),
  ),
  enabled: t.Optional(t.Boolean({ description: 'True unless given.' })),
  options: t.Optional(
    t.Object(
      {},
      {
        additionalProperties: true,
        description:
          'Of the check. Secrets are shown masked; one that is sent back as it was shown stays as it is.',
      },
    ),
  ),
}

export const GuardrailBody = strict(RULE, { $id: 'GuardrailChange' })
export const NewGuardrailBody = strict({ id: RULE_ID, ...RULE }, { $id: 'NewGuardrail' })

export type GuardrailAsked = Static<typeof GuardrailBody>

export const GuardrailSchema = t.Object(
  {
    id: t.String(),
    tenant: nullable(t.String(), { description: 'Null: it holds for every tenant.' }),
    origin: oneOf(['file', 'environment', 'store', 'built-in']),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
    enabled: t.Boolean(),
    check: t.String(),
    mode: oneOf(GUARD_MODES),
    stages: t.Array(oneOf(GUARD_STAGES)),
    models: nullable(t.Array(t.String())),
    for: nullable(t.Array(t.String())),
    except: nullable(t.Array(t.String())),
    timeout_ms: t.Integer(),
    on_failure: oneOf(['closed', 'open']),
    window_chars: t.Integer(),
    options: nullable(t.Object({}, { additionalProperties: true }), {
      description: 'Secrets masked. Null: of the operator’s, which a tenant is not shown.',
    }),
    problem: nullable(t.String(), {
      description: 'Why it cannot be asked; then it refuses whatever it concerns.',
    }),
  },
  { $id: 'Guardrail' },
)

/**
 * @param place.before the rule that it takes the place of: masked secrets are taken from there
 * @throws GatewayError `invalid_request` naming the member
 */
export function guardrailOf(
  body: GuardrailAsked,
  place: {
    readonly id: string
    /** Absent: for every tenant. */
    readonly tenantId?: string
    readonly before?: GuardrailRule | undefined
  },
): GuardrailRule {
  const { before, id, tenantId } = place
  const { mode = 'block' } = body
  const check = body.check as GuardCheckKind
  if (mode === 'mask' && checkDescription(check)?.masks === false) {
    throw invalidMember('mode', 'This check does not tell what to replace: it cannot mask.')
  }
  const stages = body.stages ?? DEFAULT_STAGES
  const sent = (body.options ?? {}) as JsonObject
  const known = before?.check === check ? before.options : {}
  const options = unmaskedOptions(check, sent, known)
  if (goesElsewhere(options, known)) refuseKept(sent, options)
  return {
    id,
    origin: 'store',
    enabled: body.enabled ?? true,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(body.models ? { models: body.models } : {}),
    ...(body.for ? { for: body.for } : {}),
    ...(body.except ? { except: body.except } : {}),
    stages: GUARD_STAGES.filter((stage) => stages.includes(stage)),
    mode,
    check,
    options,
    timeoutMs: body.timeout_ms ?? LIMITS.guardTimeoutMs,
    onFailure: body.on_failure ?? 'closed',
    windowChars: body.window_chars ?? LIMITS.guardWindowChars,
  }
}

/**
 * No address in its options is nobody's to ask for through this program.
 * @param mayReachInner whether an address may lie on this machine or in a private network
 * @throws GatewayError `invalid_request` naming the option
 */
export function refuseInner(
  { options }: Pick<GuardrailRule, 'options'>,
  mayReachInner: (url: string) => boolean,
): void {
  const look = (value: JsonValue | undefined, param: string): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [name, member] of Object.entries(value)) look(member, `${param}.${name}`)
      return
    }
    if (typeof value !== 'string' || !/^https?:\/\//i.test(value)) return
    const place = classifyAddress(URL.parse(value)?.hostname ?? '')
    const isNowhere = place === 'link-local' || place === 'reserved'
    const isInner = place === 'loopback' || place === 'private'
    if (isNowhere || (isInner && !mayReachInner(value))) {
      throw invalidMember(param, 'Points at an address that is not to be asked from here.')
    }
  }
  look(options, 'options')
}

/** What decides who gets the secrets that a check sends. */
const WAYS = ['url', 'proxy', 'verify', 'ca'] as const

function goesElsewhere(options: JsonObject, before: JsonObject): boolean {
  return WAYS.some((name) => JSON.stringify(options[name]) !== JSON.stringify(before[name]))
}

/** A secret is sent where it was given for, and to nobody to whom a change leads it. */
function refuseKept(sent: JsonObject, options: JsonObject): void {
  for (const name of Object.keys(sent)) {
    if (JSON.stringify(sent[name]) === JSON.stringify(options[name])) continue
    throw invalidMember(
      `options.${name}`,
      'Must be given anew: by this change the check asks somewhere else, or by another way.',
    )
  }
}

/** A rule as it is shown. */
export function guardrailJson(
  rule: GuardrailRule,
  {
    isOptionsHidden = false,
    problem,
    readOnly,
  }: {
    readonly isOptionsHidden?: boolean
    readonly problem?: string | undefined
    readonly readOnly: string | null
  },
): JsonObject {
  const list = (values: readonly string[] | undefined) =>
    values === undefined ? null : [...values]
  return {
    id: rule.id,
    tenant: rule.tenantId ?? null,
    origin: rule.origin,
    read_only: readOnly,
    enabled: rule.enabled,
    check: rule.check,
    mode: rule.mode,
    stages: [...rule.stages],
    models: list(rule.models),
    for: list(rule.for),
    except: list(rule.except),
    timeout_ms: rule.timeoutMs,
    on_failure: rule.onFailure,
    window_chars: rule.windowChars,
    options: isOptionsHidden ? null : maskedOptions(rule.check, rule.options),
    problem: problem ?? null,
  }
}

/** What a rule says: what its `ETag` is made of. Two secrets may be masked the same. */
export function guardrailVersion(rule: GuardrailRule): JsonObject {
  const { secret } = secretOptions(rule.check, rule.options)
  return {
    ...guardrailJson(rule, { readOnly: null }),
    secret_hash: String(Bun.hash(JSON.stringify(secret))),
  }
}
