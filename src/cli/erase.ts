// `weir erase`: deletes one person's data from the request log, beside a server that runs or without one. Objects outside of the store are
// marked to go, and go when a server runs; what a legal hold keeps waits for its release.

import { ERASURE_KINDS, ERASURE_MODES } from '../core/content.ts'
import { erasureJson, erasureOf, NewErasureBody } from '../server/admin/content-input.ts'
import { ClickHouseService } from '../clickhouse-service.ts'
import { storeEraser } from '../storage/eraser.ts'
import { systemClock, systemIds } from '../system.ts'
import { createLogger } from '../telemetry/log.ts'
import { SharedDeadlines } from '../transport/deadlines.ts'
import { createTransport } from '../transport/http-transport.ts'
import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import { argument, changeIn, IN_TENANT, JSON_OBJECT, type Done, type Place } from './people.ts'
import { ruleOf } from './rules.ts'

export const erase: Command = {
  name: 'erase',
  summary: 'delete one person’s data from the request log',
  usage: `erase ${ERASURE_KINDS.join('|')} ID --reason TEXT [--mode ${ERASURE_MODES.join('|')}] [--dry-run] [--tenant ID] [--json]`,
  options: [
    { flag: '--reason', value: 'TEXT', doc: 'why, for the record' },
    {
      flag: '--mode',
      value: 'MODE',
      doc: 'anonymise (default) leaves figures without a name, delete takes the rows as well',
    },
    { flag: '--dry-run', doc: 'only count what would go' },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ["weir erase user 0197c2a4-… --reason 'asked by mail' --dry-run"],
  positionalsMax: 2,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const typed = {
    kind: argument(input, 0, 'whose data: user or key'),
    subject: argument(input, 1, 'the id'),
    reason: textOption(input, 'reason'),
    mode: textOption(input, 'mode'),
  }
  return await changeIn(input, async (place) => {
    const actor = cliActor()
    const made = {
      id: systemIds.uuid(),
      tenantId: place.tenantId,
      createdMs: systemClock.nowMs(),
      createdBy: `cli ${actor.id}`,
    }
    const asked = ruleOf(NewErasureBody, typed, (body) => erasureOf(body, made))
    const { store, tenantId } = place
    if (isOn(input, 'dry-run')) {
      const counts = await store.contentLog.count(asked, await store.holds.list(tenantId))
      const told = { ...asked, counts: { ...asked.counts, ...counts } }
      return {
        words: `${counts.requests} requests would be erased, ${counts.bodies} of them with bodies; ${counts.held} are held.`,
        json: { ...erasureJson(told), id: null, state: 'counted' },
      }
    }
    await store.erasures.create(asked, actor)
    return await erased(input, place, asked.id)
  })
}

async function erased(
  input: CommandInput,
  { config, store, tenantId }: Place,
  id: string,
): Promise<Done> {
  const logger = createLogger({
    level: () => 'warn',
    format: 'pretty',
    nowMs: systemClock.nowMs,
    write: (line) => input.output.error(line),
  })
  const clickhouse = new ClickHouseService({
    transport: createTransport(systemClock, new SharedDeadlines(systemClock)),
    logger,
    dataFolder: config.dataFolder,
    search: store.search,
    usage: store.usage,
    // To drop what is old is the server's.
    isHeld: () => Promise.resolve(true),
  })
  const sink = await clickhouse.sink(config, undefined)
  const eraser = storeEraser(store, {
    flush: () => store.log.flush(),
    marked: () => undefined,
    elsewhere: (erasure, holds) => clickhouse.erase(erasure, holds),
    clock: systemClock,
    logger,
  })
  await eraser.run()
  await eraser.stop()
  await sink?.stop()
  const done = (await store.erasures.find(tenantId, id))!
  const { bodies, held, objects, requests } = done.counts
  const rest =
    done.state === 'running'
      ? ' It has not come to its end; a server goes on with it.'
      : held > 0
        ? ` ${held} are held; they go when the hold is released.`
        : ''
  return {
    words: `Erasure ${id}: ${requests} requests, ${bodies} of them with bodies, ${objects} outside of the store.${rest}`,
    json: erasureJson(done),
  }
}
