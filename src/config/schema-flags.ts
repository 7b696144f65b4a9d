// The part of the schema table that describes feature flags: made from the flags there are, so that none is written down twice. Which part of
// the program a flag steers is not known here.

import { FLAGS, type FlagDefinition, type FlagName, type FlagRule } from '../core/flags.ts'
import type { BooleanNode, ChoiceNode, NumberNode, SectionNode, ValueOf } from './node.ts'

type FlagNode = BooleanNode | NumberNode | ChoiceNode

function nodeOf(flag: FlagDefinition): FlagNode {
  const { doc } = flag
  const absent = `\`${flag.default}\``
  switch (flag.type) {
    case 'boolean':
      return { kind: 'boolean', doc, absent }
    case 'number':
      return { kind: 'number', doc, absent, min: flag.min, max: flag.max }
    case 'choice':
      return { kind: 'choice', doc, absent, values: flag.values }
  }
}

const NODES = Object.fromEntries(
  Object.entries(FLAGS).map(([name, flag]) => [name, nodeOf(flag)]),
) as Readonly<Record<FlagName, FlagNode>>

/** What stands in a rule says it for whom; what stands beside the rules, for all. */
export const FLAG_SETTINGS = {
  kind: 'section',
  doc: 'Feature flags: parts of the program that can be turned on for some.',
  keys: {
    ...NODES,
    rules: {
      kind: 'list',
      doc: 'For one tenant, or for a share of requests.',
      item: {
        kind: 'section',
        doc: 'One rule; the first that concerns a request decides, those of a tenant before those of all.',
        keys: {
          tenant: {
            kind: 'text',
            format: 'tenant-id',
            doc: 'The tenant it holds for.',
            absent: 'every tenant',
          },
          percent: {
            kind: 'number',
            doc: 'Share of callers it holds for, always the same ones; whoever is within 10 is within 20.',
            unit: 'per cent',
            default: 100,
            min: 0,
            max: 100,
          },
          ...NODES,
        },
      },
    },
  },
} as const satisfies SectionNode

export type FlagSettings = ValueOf<typeof FLAG_SETTINGS>

/** The rules of the file in the order in which they are asked: those of `rules` before what holds for all. */
export function toFlagRules(settings: FlagSettings): FlagRule[] {
  const { rules, ...all } = settings
  return [
    ...rules.flatMap(({ percent, tenant, ...values }) =>
      rulesOf(values).map((rule) => ({
        ...rule,
        percent,
        ...(tenant === undefined ? {} : { tenantId: tenant }),
      })),
    ),
    ...rulesOf(all),
  ]
}

function rulesOf(values: { readonly [K in FlagName]: unknown }): FlagRule[] {
  return (Object.keys(FLAGS) as FlagName[]).flatMap((flag) => {
    const value = values[flag] as FlagRule['value'] | undefined
    return value === undefined ? [] : [{ flag, value, percent: 100, origin: 'file' as const }]
  })
}
