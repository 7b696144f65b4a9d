// How such a proxy reaches the world: forward proxy, authorities, client certificate, verification. It may be said once for all or by provider,
// under `network` or under `proxy` and `ssl`.

import type { JsonValue } from '../../core/json.ts'
import type { Draft } from './draft.ts'
import type { Cursor } from './ledger.ts'
import { leave } from './litellm-models.ts'
import { duration } from './litellm-deployment.ts'
import { literal } from './secrets.ts'

/** The whole file’s network. */
export function readNetwork(root: Cursor, draft: Draft): void {
  const network = root.get('network')
  const sections = [
    network,
    network.get('proxy'),
    network.get('ssl'),
    root.get('proxy'),
    root.get('ssl'),
  ]
  for (const section of sections) {
    if (!section.isMapping) continue
    if (section.get('enabled').flag === false) {
      section.left('is turned off')
      continue
    }
    const form = networkForm(section, 'network', draft)
    for (const [name, value] of Object.entries(form)) draft.set(`network.${name}`, value)
    section.get('enabled').carried('network')
  }
  const whole = root.get('proxy')
  if (whole.text !== undefined) {
    draft.carry(whole, 'network.proxy', draft.secrets.secret(whole.text, 'proxy'))
  }
  const time = network.any('timeout', 'timeout_seconds', 'request_timeout')
  const written = time.isThere && !time.isSettled ? duration(time, draft) : undefined
  if (written !== undefined && draft.problem('providers.timeouts.total', written) === undefined) {
    draft.eachProvider((form) => {
      const own = { ...(form['timeouts'] as Record<string, JsonValue> | undefined) }
      form['timeouts'] = { total: written, ...own }
    })
    time.carried('providers[].timeouts.total')
  } else if (!time.isSettled) time.left('is no time in seconds', 'Set providers[].timeouts.')
}

const NAMES = {
  proxy: ['https_proxy', 'proxy', 'proxy_url', 'http_proxy'],
  no_proxy: ['no_proxy'],
  ca_file: ['ca_file', 'ca_cert_path', 'ca_bundle', 'ca_cert', 'ca'],
  cert_file: ['cert_file', 'client_cert_path', 'client_cert', 'cert'],
  key_file: ['key_file', 'client_key_path', 'client_key'],
  verify: ['verify', 'verify_ssl', 'ssl_verify'],
} as const

/** The members of one network. @param path of the section in the configuration */
export function networkForm(
  section: Cursor,
  path: string,
  draft: Draft,
): Record<string, JsonValue> {
  const form: Record<string, JsonValue> = {}
  const take = (at: Cursor, name: string, value: JsonValue | undefined, note?: string) => {
    if (!at.isThere || at.isMapping) return
    const problem =
      value === undefined ? 'is not what belongs here' : draft.problem(`${path}.${name}`, value)
    if (value === undefined || problem !== undefined) {
      at.left(problem ?? 'is not what belongs here', `Set ${path}.${name}.`)
      return
    }
    form[name] = value
    if (note === undefined) at.carried(`${path}.${name}`)
    else at.changed(`${path}.${name}`, note)
  }
  const proxy = section.any(...NAMES.proxy)
  take(proxy, 'proxy', proxy.text && draft.secrets.secret(proxy.text, 'proxy'))
  const hosts = section.any(...NAMES.no_proxy)
  take(hosts, 'no_proxy', hostsOf(hosts, draft))
  for (const name of ['ca_file', 'cert_file', 'key_file'] as const) {
    const at = section.any(...NAMES[name])
    if (name !== 'ca_file' && !isPair(section)) {
      at.left('a client certificate needs its key, and the key its certificate')
      continue
    }
    take(at, name, at.text === undefined ? undefined : draft.file(at.text))
  }
  // One without the other is of no use, and refused.
  if ((form['cert_file'] === undefined) !== (form['key_file'] === undefined)) {
    delete form['cert_file']
    delete form['key_file']
  }
  const verify = section.any(...NAMES.verify)
  const isOpen = verify.flag === false
  take(
    verify,
    'verify',
    verify.flag,
    isOpen ? 'any certificate is taken; the start warns of it' : undefined,
  )
  leave(section, { http_proxy: ['one proxy is used, that of https_proxy'] })
  return form
}

function isPair(section: Cursor): boolean {
  return (
    section.any(...NAMES.cert_file).text !== undefined &&
    section.any(...NAMES.key_file).text !== undefined
  )
}

/** A list, or a text with commas between. */
function hostsOf(at: Cursor, draft: Draft): JsonValue | undefined {
  const texts = at.isList
    ? at.members().map(([, one]) => one.text)
    : (at.text?.split(',').map((one) => one.trim()) ?? [])
  const named = texts.filter((text) => text !== undefined && text !== '') as string[]
  const hosts = named.map(literal)
  const fit = hosts.filter((host) => draft.problem('network.no_proxy', [host]) === undefined)
  return fit.length === 0 || fit.length < hosts.length ? undefined : fit
}
