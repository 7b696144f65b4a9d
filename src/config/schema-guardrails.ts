// The part of the schema table that describes guardrails. What a rule of every kind of check says stands here; the options of its check stand
// beside it in the same section and are described, and first proven, by `core/guardrail-options.ts`.

import type { GuardrailRule } from '../core/guardrail.ts'
import { CHECK_DESCRIPTIONS } from '../core/guardrail-options.ts'
import { isSecretOption } from '../core/guardrail-secrets.ts'
import type { JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { SectionNode, ValueOf } from './node.ts'

const KINDS = CHECK_DESCRIPTIONS.map(({ kind }) => kind)

const WHO = {
  kind: 'list',
  optional: true,
  item: {
    kind: 'text',
    format: 'access',
    doc: '`user:`, `group:`, `team:`, `service:`, `key:` with an id or name, or `everyone`.',
  },
} as const

export const GUARDRAIL = {
  kind: 'section',
  doc: 'One rule; rules are asked in the order of the list. The options of its check stand beside these keys.',
  synonyms: { name: 'id', type: 'check', kind: 'check', action: 'mode', fail: 'on_failure' },
  keys: {
    id: {
      kind: 'text',
      format: 'id',
      doc: 'Stands in errors, headers, the request log and the audit.',
      required: true,
      maxChars: 63,
    },
    check: { kind: 'choice', doc: 'What judges.', values: KINDS, required: true },
    mode: {
      kind: 'choice',
      doc: '`block` ends the request or the answer, `mask` replaces what was found, `flag` lets it through and tells the client, the log and the audit, `observe` lets it through and tells log and metrics alone.',
      values: ['block', 'mask', 'flag', 'observe'],
      default: 'block',
    },
    stages: {
      kind: 'list',
      doc: 'What is judged: what the client says, what tools have answered it, what the model says.',
      optional: true,
      absent: '`input` and `tool_result`',
      minItems: 1,
      item: {
        kind: 'choice',
        doc: 'One of them.',
        values: ['input', 'tool_result', 'output'],
      },
    },
    models: {
      kind: 'list',
      doc: 'Names with `*` for any text: as clients ask for them, or `provider/model` of a target they may be sent to.',
      optional: true,
      absent: 'every model',
      item: { kind: 'text', format: 'model-id', doc: 'A name or a pattern.', maxChars: 300 },
    },
    for: { ...WHO, doc: 'Whose requests it holds for.', absent: 'everybody’s' },
    except: {
      ...WHO,
      doc: 'Whose requests it does not hold for; beats `for`.',
      absent: 'nobody’s',
    },
    timeout: {
      kind: 'duration',
      doc: 'For one judgement, all tries included.',
      default: LIMITS.guardTimeoutMs,
      min: 10,
      max: LIMITS.guardTimeoutMsMax,
    },
    on_failure: {
      kind: 'choice',
      doc: 'Where the check does not answer: `closed` refuses the request, `open` lets it through and says so.',
      values: ['closed', 'open'],
      default: 'closed',
    },
    window: {
      kind: 'integer',
      doc: 'Of a streamed answer: how much is held back until it is judged. What is longer than that may be seen in part alone.',
      unit: 'characters',
      default: LIMITS.guardWindowChars,
      min: 16,
      max: LIMITS.guardWindowCharsMax,
    },
    enabled: { kind: 'boolean', doc: 'Off, it is not asked.', default: true },
    options: {
      kind: 'free',
      rest: true,
      doc: 'Options of the check, beside the other keys; `docs/guardrails.md` has those of each.',
      // Made when somebody reads it: a start does not.
      get members() {
        return optionDocs()
      },
      isSecret: (name: string, section: unknown) => isSecretOption(checkOf(section), name),
    },
  },
} as const satisfies SectionNode

/** Options of every check by name; of one that several have, the first one's words. */
function optionDocs(): Readonly<Record<string, string>> {
  const docs = new Map<string, { doc: string; kinds: string[] }>()
  for (const { kind, options } of CHECK_DESCRIPTIONS) {
    for (const { doc, name } of options) {
      const known = docs.get(name)
      if (known === undefined) docs.set(name, { doc, kinds: [kind] })
      else known.kinds.push(kind)
    }
  }
  return Object.fromEntries(
    [...docs].map(([name, { doc, kinds }]) => [name, `Of ${kinds.join(', ')}: ${doc}`]),
  )
}

export type GuardrailSettings = ValueOf<typeof GUARDRAIL>

function checkOf(section: unknown): string {
  const isSection = typeof section === 'object' && section !== null && 'check' in section
  return isSection && typeof section.check === 'string' ? section.check : ''
}

const DEFAULT_STAGES = ['input', 'tool_result'] as const

export function toGuardrailRule(settings: GuardrailSettings): GuardrailRule {
  const { check, enabled, except, id, mode, models, options, stages, timeout, window } = settings
  return {
    id,
    origin: 'file',
    enabled,
    ...(models === undefined ? {} : { models }),
    ...(settings.for === undefined ? {} : { for: settings.for }),
    ...(except === undefined ? {} : { except }),
    stages: [...new Set(stages ?? DEFAULT_STAGES)],
    mode,
    check,
    options: options as JsonObject,
    timeoutMs: timeout,
    onFailure: settings.on_failure,
    windowChars: window,
  }
}

/** The settings that would make a rule. */
export function guardrailValues(rule: GuardrailRule): Readonly<Record<string, unknown>> {
  const { check, enabled, except, id, mode, models, onFailure, options, stages } = rule
  const isUsual = JSON.stringify(stages) === JSON.stringify(DEFAULT_STAGES)
  return {
    id,
    check,
    mode,
    stages: isUsual ? undefined : stages,
    models,
    for: rule.for,
    except,
    timeout: rule.timeoutMs,
    on_failure: onFailure,
    window: rule.windowChars,
    enabled,
    options,
  }
}
