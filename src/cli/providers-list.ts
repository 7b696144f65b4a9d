// `weir providers list`: every provider with where it was declared and whether it can be used. It asks nobody anything;
// `weir providers test` does.

import type { Provider } from '../core/catalog.ts'
import { isOn } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { jsonText } from './format.ts'
import { maskedSecrets, unusableText } from './providers.ts'
import { readCatalog, TENANT_OPTION, tenantOf } from './store.ts'
import { renderTable, tableStyle } from './table.ts'

export const providersList: Command = {
  name: 'providers list',
  summary: 'show providers and whether they can be used',
  usage: 'providers list [--tenant ID] [--json]',
  options: [TENANT_OPTION, { flag: '--json', doc: 'print a JSON array' }],
  examples: ['weir providers list', 'OPENAI_API_KEY=sk-… weir providers list'],
  positionalsMax: 0,
  run,
}

const COLUMNS = [
  { header: 'ID' },
  { header: 'TYPE' },
  { header: 'FROM' },
  { header: 'BASE URL', maxWidth: 70 },
  { header: 'KEYS', maxWidth: 50 },
  { header: 'USABLE' },
]

/** Of local servers, which are looked for while a server runs. */
const WHEN_IT_ANSWERS = 'when it answers'

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  const { config, catalog } = await readCatalog(input.configFlags, output, tenantOf(input))
  const shown = [
    ...[...catalog.providers.values()].map((provider) => describe(provider, false)),
    ...config.localCandidates
      .filter((candidate) => !catalog.providers.has(candidate.id))
      .map((candidate) => describe(candidate, true)),
  ]
  if (isOn(input, 'json')) {
    output.out(`${jsonText(shown, 2)}\n`)
    return 0
  }
  const rows = shown.map(({ id, type, origin, base_url, keys, draining_keys, usable, reason }) => [
    id,
    type,
    origin,
    base_url,
    keysText(keys, draining_keys),
    usable ? 'yes' : reason === WHEN_IT_ANSWERS ? reason : `no: ${reason}`,
  ])
  output.out(renderTable(COLUMNS, rows, tableStyle(output)))
  return 0
}

function keysText(inUse: readonly string[], draining: readonly string[]): string {
  const all = [...inUse, ...draining.map((masked) => `${masked} (draining)`)]
  return all.length === 0 ? '-' : all.join(' ')
}

/** A local candidate is used by a running server as soon as it answers there. */
function describe(provider: Provider, isCandidate: boolean) {
  const reason = unusableText(provider) ?? (isCandidate ? WHEN_IT_ANSWERS : null)
  return {
    id: provider.id,
    type: provider.type,
    origin: provider.origin,
    base_url: provider.baseUrl,
    keys: maskedSecrets(provider, 'in use'),
    draining_keys: maskedSecrets(provider, 'draining'),
    usable: reason === null,
    reason,
  }
}
