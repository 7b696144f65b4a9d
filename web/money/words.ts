// Rules of limits and budgets in words. Pure.

import { formatUsd } from '../format.ts'

const WHOM: Readonly<Record<string, readonly [each: string, one: string]>> = {
  global: ['Everything together', 'Everything together'],
  tenant: ['The tenant', 'Tenant'],
  team: ['Each team', 'Team'],
  user: ['Each user', 'User'],
  key: ['Each key', 'Key'],
  ip: ['Each address', 'Address'],
  model: ['Each model', 'Model'],
  provider: ['Each provider', 'Provider'],
}

/** `Each key`, `Key ci`, `Keys test-*`. */
export function whomWords(per: string, only: string | null): string {
  const [each, one] = WHOM[per] ?? [per, per]
  if (only === null) return each
  return only.includes('*') ? `${each} named ${only}` : `${one} ${only}`
}

const WINDOWS: Readonly<Record<string, string>> = {
  day: 'a day',
  week: 'a week',
  month: 'a month',
  total: 'in all',
}

/** `a month`. */
export function windowWords(window: string): string {
  return WINDOWS[window] ?? window
}

/** `$50.00 a month`. */
export function budgetWords({ usd, window }: { usd: number; window: string }): string {
  return `${formatUsd(usd)} ${windowWords(window)}`
}

const SPANS: Readonly<Record<number, string>> = { 60: 'a minute', 3600: 'an hour', 86400: 'a day' }

interface CounterFacts {
  readonly counts: 'requests' | 'tokens' | 'concurrent'
  readonly window_seconds: number | null
}

/** `Requests a minute`. */
export function counterWords({ counts, window_seconds: seconds }: CounterFacts): string {
  if (seconds === null) return 'At the same time'
  return `${counts === 'tokens' ? 'Tokens' : 'Requests'} ${SPANS[seconds] ?? `in ${seconds} s`}`
}

/** What a subject is called: a name, its id, or what stands for all. */
export function subjectWords(subject: string, name: string | null): string {
  return name ?? (subject === '*' ? 'all requests' : subject)
}
