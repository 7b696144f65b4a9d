// `weir logs`: the recorded requests, as a table for people or as JSON lines for programs, once or as they happen. It reads
// the store and nothing else, so it works beside a running server and without one.

import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/config.ts'
import { LIMITS } from '../core/limits.ts'
import type { RequestFilter, StoredRequest } from '../core/ports.ts'
import { pause } from '../storage/pause.ts'
import type { Store } from '../storage/store.ts'
import { requestJson } from '../telemetry/request-json.ts'
import { integerOption, isOn, textOption } from './arguments.ts'
import { type Command, type CommandInput, type Output, UsageError } from './command.ts'
import { jsonText, printable } from './format.ts'
import { LOG_COLUMNS, logCells, logDetails } from './logs-table.ts'
import { IN_TENANT } from './people.ts'
import { timeOption } from './span.ts'
import { tenantOf, withExistingStore } from './store.ts'
import { Table, tableStyle } from './table.ts'

const ROWS_DEFAULT = 50
/** What one answer of the store holds at most. */
const ROWS_MAX = 1_000

export const logs: Command = {
  name: 'logs',
  summary: 'show recorded requests',
  usage:
    'logs [--follow] [--json] [--limit N] [--errors] [--model M] [--key NAME] [--since WHEN] [--id LOG_ID] [--tenant ID]',
  options: [
    { flag: '--follow', doc: 'go on with new requests until Ctrl-C' },
    { flag: '--json', doc: 'print one JSON object per line' },
    {
      flag: '--limit',
      value: 'N',
      doc: `the newest N requests (default ${ROWS_DEFAULT}, at most ${ROWS_MAX})`,
    },
    { flag: '--errors', doc: 'only failed requests' },
    {
      flag: '--model',
      value: 'M',
      doc: 'only this model, by the name asked for or the provider’s own',
    },
    { flag: '--key', value: 'NAME', doc: 'only this API key, by name or id' },
    {
      flag: '--since',
      value: 'WHEN',
      doc: 'only requests since then: a date and time, or so long ago as 90m or 1d',
    },
    {
      flag: '--id',
      value: 'LOG_ID',
      doc: 'one request with all its details, and its bodies where they are kept',
    },
    { ...IN_TENANT, doc: 'requests of this tenant (else default)' },
  ],
  examples: [
    'weir logs --follow',
    'weir logs --errors --since 1h',
    "weir logs --json --key ci | jq '.cost_usd'",
  ],
  positionalsMax: 0,
  run,
}

interface Selection {
  readonly tenantId: string
  readonly limit: number
  readonly errorsOnly: boolean
  readonly model?: string
  readonly sinceMs?: number
  /** Undefined takes every key. */
  readonly keyIds?: readonly string[]
}

async function run(input: CommandInput): Promise<number> {
  const { output, configFlags } = input
  const limit = integerOption(input, 'limit', { min: 1, max: ROWS_MAX }) ?? ROWS_DEFAULT
  const id = textOption(input, 'id')
  const follow = isOn(input, 'follow')
  if (follow && id !== undefined) throw new UsageError('--follow and --id exclude each other.')
  const model = textOption(input, 'model')
  const keyName = textOption(input, 'key')
  const sinceMs = timeOption(input, 'since', Date.now())
  const tenantId = tenantOf(input)
  const { config } = loadConfig({ flags: configFlags })
  const code = await withExistingStore(config, output, async (store) => {
    if (id !== undefined) return await showOne(input, store, id)
    const keyIds =
      keyName === undefined ? undefined : await idsOfKey(config, store, tenantId, keyName)
    if (keyIds?.length === 0) {
      output.error(
        `There is no API key '${printable(keyName ?? '')}'. 'weir keys list --all' shows all.\n`,
      )
      return 1
    }
    const selection: Selection = {
      tenantId,
      limit,
      errorsOnly: isOn(input, 'errors'),
      ...(model === undefined ? {} : { model }),
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(keyIds === undefined ? {} : { keyIds }),
    }
    return await show(store, selection, createPrinter(input), { follow, config, output })
  })
  if (code !== undefined) return code
  output.error('No requests are recorded: no server has run here yet. Start one with: weir\n')
  return id === undefined ? 0 : 1
}

async function showOne(input: CommandInput, store: Store, id: string): Promise<number> {
  const { output } = input
  const found = await store.requests.byLogId(tenantOf(input), id.toLowerCase())
  if (found === undefined) {
    output.error(`There is no request with the log id '${printable(id)}'.\n`)
    return 1
  }
  const { outcome } = found
  output.out(isOn(input, 'json') ? `${jsonText(requestJson(outcome))}\n` : logDetails(outcome))
  return 0
}

/** Ids by a key's name or id; a file key's rows carry the id made of its name. */
async function idsOfKey(
  config: Config,
  store: Store,
  tenantId: string,
  text: string,
): Promise<string[]> {
  const declared = config.keys.filter((key) => key.tenantId === tenantId)
  const keys = [...declared, ...(await store.keys.list(tenantId))]
  return keys.filter((key) => key.name === text || key.id === text).map((key) => key.id)
}

type Print = (rows: readonly StoredRequest[]) => void

function createPrinter(input: CommandInput): Print {
  const { output } = input
  if (isOn(input, 'json')) {
    return (rows) => {
      for (const row of rows) output.out(`${jsonText(requestJson(row.outcome))}\n`)
    }
  }
  const table = new Table(LOG_COLUMNS, tableStyle(output))
  let started = false
  return (rows) => {
    if (rows.length === 0) return
    const cells = rows.map((row) => logCells(row.outcome))
    output.out(started ? table.more(cells) : table.start(cells))
    started = true
  }
}

interface ShowOptions {
  readonly follow: boolean
  readonly config: Config
  readonly output: Output
}

async function show(
  store: Store,
  selection: Selection,
  print: Print,
  { follow, config, output }: ShowOptions,
): Promise<number> {
  // Read before the rows, so that none can fall between them and the first look for new ones.
  const cursor = follow ? await newestSequence(store, selection.tenantId) : 0
  const rows = await newest(store, selection)
  print(rows)
  if (rows.length === 0 && !follow) {
    const off = config.log.requests === 'none' ? ' (log.requests is none: nothing is recorded)' : ''
    output.error(`No such requests are recorded${off}.\n`)
  }
  if (!follow) return 0
  const stop = stopSignal(output)
  try {
    await followFrom(
      store,
      cursor,
      new Set(rows.map((row) => row.sequence)),
      selection,
      print,
      stop,
    )
  } finally {
    stop.release()
  }
  return 0
}

/** The newest requests of a selection, oldest first. */
async function newest(store: Store, selection: Selection): Promise<StoredRequest[]> {
  const { limit, errorsOnly, model, keyIds, sinceMs, tenantId } = selection
  const filter: RequestFilter = {
    tenantId,
    limit,
    ...(errorsOnly ? { status: 'error' as const } : {}),
    ...(model === undefined ? {} : { model }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
  }
  const lists =
    keyIds === undefined
      ? [await store.requests.list(filter)]
      : await Promise.all(keyIds.map((keyId) => store.requests.list({ ...filter, keyId })))
  return lists
    .flat()
    .toSorted((a, b) => a.outcome.timestampMs - b.outcome.timestampMs || a.sequence - b.sequence)
    .slice(-limit)
}

/** A row's place is that of its end, its time that of its arrival: among the latest arrivals is the latest end, or nearly. */
async function newestSequence(store: Store, tenantId: string): Promise<number> {
  const rows = await store.requests.list({ tenantId, limit: ROWS_MAX })
  return rows.reduce((highest, row) => Math.max(highest, row.sequence), 0)
}

/**
 * Prints rows as they come. Every new row is read and chosen from here, so that a rare selection does not make the store
 * search through all rows each time.
 */
async function followFrom(
  store: Store,
  start: number,
  printed: Set<number>,
  selection: Selection,
  print: Print,
  stop: StopSignal,
): Promise<void> {
  let cursor = start
  while (!stop.signal.aborted) {
    const rows = await store.requests.list({
      tenantId: selection.tenantId,
      afterSequence: cursor,
      limit: ROWS_MAX,
    })
    cursor = rows.at(-1)?.sequence ?? cursor
    print(rows.filter((row) => !printed.has(row.sequence) && isSelected(row, selection)))
    if (rows.length < ROWS_MAX) await pause(LIMITS.controlPollIntervalMs, stop.signal)
  }
}

function isSelected({ outcome }: StoredRequest, selection: Selection): boolean {
  const { errorsOnly, keyIds, model } = selection
  if (errorsOnly && outcome.status < 400) return false
  if (model !== undefined && outcome.modelRequested !== model && outcome.modelResolved !== model) {
    return false
  }
  return keyIds === undefined || keyIds.includes(outcome.apiKeyId ?? '')
}

interface StopSignal {
  readonly signal: AbortSignal
  release(): void
}

/** Fires at SIGINT, SIGTERM, or when nobody reads any more. */
function stopSignal(output: Output): StopSignal {
  const controller = new AbortController()
  const stop = () => controller.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  return {
    signal: AbortSignal.any([controller.signal, output.closed]),
    release: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
