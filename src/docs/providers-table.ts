// The table of `docs/providers.md` that says what each type of provider speaks, from the registry of kinds. A client that speaks one of the
// named protocols is relayed there; every other one is translated.

import { PROVIDER } from '../config/schema-provider.ts'
import type { Provider, ProviderType } from '../core/catalog.ts'
import { OPERATIONS } from '../dialects/dialect.ts'
import { RELAYED_OPERATIONS } from '../providers/provider.ts'
import { providerKind } from '../providers/registry.ts'
import { withPart } from './part.ts'

/** Types in the order of the page. */
export const PAGE_TYPES: readonly ProviderType[] = PROVIDER.keys.type.values

/** The page with the table as the registry has it now. @throws RangeError where the page has no place for it */
export function withProvidersTable(page: string): string {
  return withPart(page, 'providers', providersTable())
}

function providersTable(): string {
  const head = [
    '| type | chat | completion | embedding | token count | relayed besides | key | default `base_url` |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ]
  return [...head, ...PAGE_TYPES.map(row)].join('\n')
}

function row(type: ProviderType): string {
  const kind = providerKind(type)!
  const provider = plainProvider(type, kind.defaultBaseUrl)
  const spoken = OPERATIONS.map((operation) =>
    kind
      .dialects(provider, operation)
      .map((name) => `\`${name}\``)
      .join(' '),
  )
  const besides = RELAYED_OPERATIONS.filter((operation) => {
    const model = operation === 'file' || operation === 'batch' ? {} : { model: 'model' }
    return kind.relayed?.({ provider, operation, ...model }) !== undefined
  }).length
  const address = kind.defaultBaseUrl === undefined ? 'required' : `\`${kind.defaultBaseUrl}\``
  const cells = [
    `[\`${type}\`](#${type})`,
    ...spoken,
    besides === 0 ? '' : `[${besides} of ${RELAYED_OPERATIONS.length}](operations.md)`,
    kind.needsKey ? 'needed' : 'optional',
    address,
  ]
  return `| ${cells.join(' | ')} |`
}

/** A provider of which nothing is said but the type. */
function plainProvider(type: ProviderType, baseUrl = 'https://provider.invalid'): Provider {
  return {
    id: type,
    type,
    origin: 'file',
    baseUrl,
    ...(type === 'custom' ? { compatible: 'openai' } : {}),
    keys: [],
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 },
    retries: { max: 0, baseMs: 0, capMs: 0 },
    network: {},
    headers: {},
  }
}
