// `weir holds list`, `create` and `release`: legal holds, which keep requests from being deleted by anything. Each change is in the audit.

import { NewHoldBody, ReleaseBody, holdJson, holdOf } from '../server/admin/content-input.ts'
import { HOLD_KINDS, type Hold } from '../core/content.ts'
import { systemClock, systemIds } from '../system.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import {
  argument,
  changeIn,
  IN_TENANT,
  isoTime,
  JSON_ARRAY,
  JSON_OBJECT,
  listIn,
  Problem,
} from './people.ts'
import { ruleOf } from './rules.ts'

const REASON = { flag: '--reason', value: 'TEXT', doc: 'why, for the record' }

export const holdsList: Command = {
  name: 'holds list',
  summary: 'show legal holds',
  usage: 'holds list [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_ARRAY],
  examples: ['weir holds list'],
  positionalsMax: 0,
  run: (input) =>
    listIn<Hold>(
      input,
      {
        columns: [
          { header: 'ID', maxWidth: 40 },
          { header: 'KIND' },
          { header: 'SUBJECT', maxWidth: 40 },
          { header: 'SINCE' },
          { header: 'UNTIL' },
          { header: 'REASON', maxWidth: 60 },
        ],
        cells: ({ id, kind, reason, sinceMs, subject, untilMs }) => [
          id,
          kind,
          subject ?? '-',
          sinceMs === undefined ? '-' : (isoTime(sinceMs) ?? '-'),
          untilMs === undefined ? '-' : (isoTime(untilMs) ?? '-'),
          reason,
        ],
        json: holdJson,
        none: 'No legal holds.',
      },
      ({ store, tenantId }) => store.holds.list(tenantId),
    ),
}

export const holdsCreate: Command = {
  name: 'holds create',
  summary: 'keep requests from being deleted',
  usage: `holds create ${HOLD_KINDS.join('|')} [SUBJECT] --reason TEXT [--since TIME] [--until TIME] [--id ID] [--tenant ID] [--json]`,
  options: [
    REASON,
    { flag: '--since', value: 'TIME', doc: 'only what arrived at or after it (ISO 8601)' },
    { flag: '--until', value: 'TIME', doc: 'only what arrived before it (ISO 8601)' },
    { flag: '--id', value: 'ID', doc: 'made up where it is not given' },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: [
    "weir holds create user 0197c2a4-… --reason 'case 2027-14'",
    'weir holds create span --since 2027-01-01T00:00:00Z --until 2027-02-01T00:00:00Z --reason audit',
  ],
  positionalsMax: 2,
  run: create,
}

async function create(input: CommandInput): Promise<number> {
  const typed = {
    id: textOption(input, 'id'),
    kind: argument(input, 0, 'what is held'),
    subject: input.positionals[1],
    since: textOption(input, 'since'),
    until: textOption(input, 'until'),
    reason: textOption(input, 'reason'),
  }
  return await changeIn(input, async ({ store, tenantId }) => {
    const actor = cliActor()
    const made = {
      id: typed.id ?? systemIds.uuid(),
      tenantId,
      createdMs: systemClock.nowMs(),
      createdBy: `cli ${actor.id}`,
    }
    const hold = ruleOf(NewHoldBody, typed, (body) => holdOf(body, made))
    await store.holds.create(hold, actor)
    return { words: `Hold ${hold.id} is in force.`, json: holdJson(hold) }
  })
}

export const holdsRelease: Command = {
  name: 'holds release',
  summary: 'release a legal hold',
  usage: 'holds release ID --reason TEXT [--tenant ID] [--json]',
  options: [REASON, IN_TENANT, JSON_OBJECT],
  examples: ["weir holds release case-14 --reason 'case closed'"],
  positionalsMax: 1,
  run: release,
}

async function release(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the hold')
  const typed = { reason: textOption(input, 'reason') }
  return await changeIn(input, async ({ store, tenantId }) => {
    const reason = ruleOf(ReleaseBody, typed, (body: { readonly reason: string }) => body.reason)
    if (!(await store.holds.release(tenantId, id, reason, cliActor()))) {
      throw new Problem(`There is no hold '${id}' in the tenant ${tenantId}.`)
    }
    return { words: `Hold ${id} is released.`, json: { tenant: tenantId, id, released: true } }
  })
}
