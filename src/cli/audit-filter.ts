// The options by which records of the audit are chosen, the same for looking at them and for exporting them.

import { AUDIT_ACTIONS, type AuditAction } from '../core/audit.ts'
import type { AuditFilter } from '../core/ports-people.ts'
import { parseDuration } from '../config/units.ts'
import { systemClock } from '../system.ts'
import { textOption } from './arguments.ts'
import { UsageError, type CommandInput, type OptionDoc } from './command.ts'

export const AUDIT_FILTER_OPTIONS: readonly OptionDoc[] = [
  { flag: '--tenant', value: 'ID', doc: 'only this tenant (default: all)' },
  { flag: '--action', value: 'ACTION', doc: 'only this action, such as key.create' },
  { flag: '--actor', value: 'ID', doc: 'only what this actor did' },
  {
    flag: '--target',
    value: 'KIND[:ID]',
    doc: 'only what was done to this, such as provider:openai',
  },
  { flag: '--since', value: 'TIME', doc: 'from then on: 7d, 12h, or an ISO date or time' },
  { flag: '--until', value: 'TIME', doc: 'before then' },
]

/** @throws UsageError for what is no action or no time */
export function auditFilterOf(input: CommandInput): Omit<AuditFilter, 'limit'> {
  const tenantId = textOption(input, 'tenant')
  const actorId = textOption(input, 'actor')
  const action = actionOf(textOption(input, 'action'))
  const [targetKind, ...rest] = textOption(input, 'target')?.split(':') ?? []
  const targetId = rest.length === 0 ? undefined : rest.join(':')
  const sinceMs = timeOf(input, 'since')
  const untilMs = timeOf(input, 'until')
  return {
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(actorId === undefined ? {} : { actorId }),
    ...(action === undefined ? {} : { action }),
    ...(targetKind === undefined ? {} : { targetKind }),
    ...(targetId === undefined ? {} : { targetId }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  }
}

function actionOf(text: string | undefined): AuditAction | undefined {
  if (text === undefined) return undefined
  const action = AUDIT_ACTIONS.find((each) => each === text)
  if (action === undefined) {
    throw new UsageError(`--action must be one of ${AUDIT_ACTIONS.join(', ')}.`)
  }
  return action
}

function timeOf(input: CommandInput, name: string): number | undefined {
  const text = textOption(input, name)
  if (text === undefined) return undefined
  const durationMs = parseDuration(text)
  if (durationMs !== undefined) return systemClock.nowMs() - durationMs
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timeMs)) {
    throw new UsageError(`--${name} takes a time back such as 7d, or an ISO date or time.`)
  }
  return timeMs
}
