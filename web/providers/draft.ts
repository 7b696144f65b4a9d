// The settings of a provider while they are edited, and what of them is sent: the sections that were changed, and nothing else. A secret that is
// not touched is `***` on both ways.

import type { Provider } from './data.ts'

type Filled<T> = { [K in keyof T]-?: Exclude<T[K], undefined> }

/** A section as it is edited. */
export type Section<K extends keyof Provider> = Filled<NonNullable<Provider[K]>>

export interface Header {
  readonly name: string
  readonly value: string
}

export interface Draft {
  readonly base_url: string
  readonly compatible: string
  readonly api_version: string
  readonly region: string
  readonly config_id: string
  readonly key_strategy: string
  readonly timeouts: Section<'timeouts'>
  readonly retries: Section<'retries'>
  readonly circuit: Section<'circuit'>
  readonly concurrency: Section<'concurrency'> | null
  readonly check: Section<'check'> | null
  readonly context: Section<'context'> | null
  readonly network: Section<'network'>
  readonly entra: Section<'entra'> | null
  readonly headers: readonly Header[]
  /** Given anew, one in a line. */
  readonly keys: string
}

export const KEPT = '***'

const NO_NETWORK: Section<'network'> = {
  proxy: null,
  no_proxy: null,
  ca: null,
  cert: null,
  key: null,
  key_passphrase: null,
  verify: null,
  min_tls_version: null,
  allow_private: null,
}

/** @throws TypeError for a provider whose settings are not shown */
export function toDraft(provider: Provider): Draft {
  const { circuit, retries, timeouts } = provider
  if (circuit === null || retries === null || timeouts === null) {
    throw new TypeError('the settings are not shown')
  }
  return {
    base_url: provider.base_url ?? '',
    compatible: provider.compatible ?? 'openai',
    api_version: provider.api_version ?? '',
    region: provider.region ?? '',
    config_id: provider.config_id ?? '',
    key_strategy: provider.key_strategy ?? 'round_robin',
    timeouts: timeouts as Section<'timeouts'>,
    retries: retries as Section<'retries'>,
    circuit: circuit as Section<'circuit'>,
    concurrency: provider.concurrency as Section<'concurrency'> | null,
    check: provider.check as Section<'check'> | null,
    context: provider.context as Section<'context'> | null,
    network: { ...NO_NETWORK, ...(provider.network as Section<'network'> | null) },
    entra: provider.entra as Section<'entra'> | null,
    headers: Object.entries(provider.headers ?? {}).map(([name, value]) => ({ name, value })),
    keys: '',
  }
}

/** Whether secrets go another way by it, so that the server wants them anew. */
export function wantsSecrets(draft: Draft, before: Draft): boolean {
  const origin = (text: string) => {
    const url = URL.parse(text)
    // A version or dialect at the end of the path leads to the same account.
    const account = url?.pathname.replace(/(?:\/(?:v\d+[a-z0-9]*|api|openai|anthropic)?)*$/, '')
    return url === null ? text : `${url.origin}${account}`
  }
  const { network: is } = draft
  const { network: was } = before
  return (
    origin(draft.base_url) !== origin(before.base_url) ||
    (is.proxy !== null && is.proxy !== was.proxy) ||
    (is.verify === false && was.verify !== false) ||
    (is.ca !== null && is.ca !== was.ca)
  )
}

/** What was changed, as the server takes it. */
export function changeOf(draft: Draft, before: Draft, { type }: Provider) {
  const isChanged = (name: keyof Draft) =>
    JSON.stringify(draft[name]) !== JSON.stringify(before[name])
  const text = (name: 'base_url' | 'api_version' | 'region' | 'config_id') =>
    isChanged(name) ? { [name]: draft[name].trim() === '' ? null : draft[name].trim() } : {}
  const section = (
    name: 'concurrency' | 'check' | 'context' | 'timeouts' | 'retries' | 'circuit',
  ) => (isChanged(name) ? { [name]: draft[name] } : {})
  const keys = draft.keys
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return {
    ...text('base_url'),
    ...text('api_version'),
    ...text('region'),
    ...text('config_id'),
    ...(type === 'custom' && isChanged('compatible')
      ? { compatible: draft.compatible as 'openai' | 'anthropic' }
      : {}),
    ...(isChanged('key_strategy')
      ? { key_strategy: draft.key_strategy as NonNullable<Provider['key_strategy']> as 'order' }
      : {}),
    ...section('timeouts'),
    ...section('retries'),
    ...section('circuit'),
    ...section('concurrency'),
    ...section('check'),
    ...section('context'),
    ...(isChanged('network') ? { network: emptied(draft.network) } : {}),
    ...(isChanged('entra') && draft.entra !== null ? { entra: emptied(draft.entra) } : {}),
    ...(isChanged('headers') ? { headers: headersOf(draft, before) } : {}),
    ...(keys.length === 0 ? {} : { keys }),
  }
}

/** Nothing typed is nothing said. */
function emptied<T extends object>(section: T): T {
  return Object.fromEntries(
    Object.entries(section).map(([name, value]) => [
      name,
      value === '' || (Array.isArray(value) && value.length === 0) ? null : value,
    ]),
  ) as T
}

/** Those that are there, and null for those that were. */
function headersOf(draft: Draft, before: Draft): Record<string, string | null> {
  const gone = before.headers.map(({ name }) => [name, null] as const)
  const there = draft.headers
    .filter(({ name }) => name.trim() !== '')
    .map(({ name, value }) => [name.trim(), value] as const)
  return Object.fromEntries([...gone, ...there])
}
