// `weir requests export`: the request log as JSON lines, newest first, read a page at a time from the store. With bodies it is recorded in the
// audit; those that lie in a bucket a running server exports, which can reach it.

import { loadConfig } from '../config/load.ts'
import { LIMITS } from '../core/limits.ts'
import type { RequestPosition, RequestSearchFilter } from '../core/ports-requests.ts'
import { buildSnapshot } from '../gateway/snapshot.ts'
import { Names } from '../server/admin/names.ts'
import { contentJson, detailJson, hasContent } from '../server/admin/requests-json.ts'
import type { Store } from '../storage/store.ts'
import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import { UsageError, type Command, type CommandInput } from './command.ts'
import { counted, jsonText } from './format.ts'
import { IN_TENANT } from './people.ts'
import { tenantOf, withExistingStore } from './store.ts'

export const requestsExport: Command = {
  name: 'requests export',
  summary: 'print recorded requests as JSON lines',
  usage:
    'requests export [--since TIME] [--until TIME] [--user ID] [--key ID] [--model NAME] [--content] [--tenant ID]',
  options: [
    { flag: '--since', value: 'TIME', doc: 'arrived at or after it (ISO 8601)' },
    { flag: '--until', value: 'TIME', doc: 'arrived before it (ISO 8601)' },
    { flag: '--user', value: 'ID', doc: 'of this user' },
    { flag: '--key', value: 'ID', doc: 'with this API key' },
    { flag: '--model', value: 'NAME', doc: 'for this model' },
    { flag: '--content', doc: 'with bodies, where they are kept in the store' },
    IN_TENANT,
  ],
  examples: ['weir requests export --since 2027-01-01T00:00:00Z > requests.jsonl'],
  positionalsMax: 0,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const filter = filterOf(input)
  const count = await withExistingStore(config, input.output, (store) =>
    write(input, filter, store),
  )
  input.output.error(`${counted(count ?? 0, 'request')}.\n`)
  return 0
}

function filterOf(input: CommandInput): RequestSearchFilter & { readonly tenantId: string } {
  const time = (name: string): number | undefined => {
    const text = textOption(input, name)
    if (text === undefined) return undefined
    const timeMs = Date.parse(text)
    if (Number.isNaN(timeMs))
      throw new UsageError(`--${name}: no time such as 2027-01-31T12:00:00Z.`)
    return timeMs
  }
  const given = {
    sinceMs: time('since'),
    untilMs: time('until'),
    userId: textOption(input, 'user'),
    keyId: textOption(input, 'key'),
    model: textOption(input, 'model'),
  }
  const present = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(present), tenantId: tenantOf(input) }
}

async function write(
  input: CommandInput,
  filter: RequestSearchFilter & { readonly tenantId: string },
  store: Store,
): Promise<number> {
  const { output } = input
  const withContent = isOn(input, 'content')
  const { tenantId } = filter
  if (withContent) {
    const target = { kind: 'request', id: '*' }
    const { tenantId: _tenant, ...asked } = filter
    const event = { tenantId, action: 'content.export', target, after: { filter: asked } } as const
    await store.audit.record(event, cliActor())
  }
  const directory = await store.directory.all()
  const names = new Names(buildSnapshot(1, [], { isShared: false }, directory), tenantId)
  let after: RequestPosition | undefined
  let count = 0
  do {
    const page = await store.search.search(filter, after, LIMITS.exportPageRows)
    for (const row of page.rows) {
      const { has_content: _unknown, ...json } = detailJson(row, names)
      output.out(
        `${jsonText(withContent ? { ...json, ...(await contentOf(row.outcome.logId, tenantId, store)) } : json)}\n`,
      )
    }
    count += page.rows.length
    after = page.next
  } while (after !== undefined && !output.closed.aborted)
  return count
}

async function contentOf(logId: string, tenantId: string, store: Store): Promise<object> {
  const stored = await store.search.find(tenantId, logId)
  if (stored === undefined || !hasContent(stored)) return { has_content: false }
  if (stored.objectKey !== undefined) return { has_content: true, content_error: 'elsewhere' }
  if (stored.isContentDamaged === true)
    return { has_content: true, content_error: 'content_damaged' }
  const { log_id: _same, ...content } = contentJson(stored)
  return { has_content: true, content }
}
