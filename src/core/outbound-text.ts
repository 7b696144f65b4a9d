// Text that says where something is sent and with what: addresses of the web, forward proxies, hosts without one, values of header fields. The
// configuration and the management API take the same and refuse the same. A message never holds the text: it may be a secret that was
// pasted into the wrong field. No name is resolved here.

import { classifyAddress, parseAddressRange, parseIpAddress } from './address.ts'

/** The canonical form of a text, or what it must be. */
export type Checked = { readonly value: string } | { readonly problem: string }

/** Whether it has characters that no name has. */
export function hasControl(text: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(text)
}

export function headerValue(text: string): Checked {
  if (text !== text.trim()) return { problem: 'has spaces or line breaks around it' }
  if (/^[\x20-\x7e\xa0-\xff]*$/.test(text)) return { value: text }
  return { problem: 'has characters that an HTTP header cannot carry' }
}

/** A host without the brackets of an IPv6 address. */
export function bareHost(text: string): string {
  return text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
}

/** An IP address in its usual spelling, or a host name. */
export function isHost(text: string): boolean {
  if (parseIpAddress(text) !== undefined) return true
  // A name, and not an address in an odd spelling.
  return /^[A-Za-z0-9_.-]+$/.test(text) && (classifyAddress(text) === 'name' || isLocalName(text))
}

function isLocalName(text: string): boolean {
  return /(?:^|\.)localhost\.?$/i.test(text)
}

/** A URL of http or https, or what is wrong with it. */
export function parseWebUrl(text: string): URL | string {
  if (!URL.canParse(text)) return 'must be a URL such as https://host/path'
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'must begin with http:// or https://'
  // The parser would silently repair these.
  if (hasControl(text) || text !== text.trim() || text.includes('\\'))
    return 'has characters a URL cannot have'
  return url
}

/**
 * An address without user, query and fragment, and without a slash at its end.
 * @param isOutbound whether requests go there: then it may be no metadata service
 */
export function webUrl(text: string, isOutbound: boolean): Checked {
  const url = parseWebUrl(text)
  if (typeof url === 'string') return { problem: url }
  if (url.username !== '' || url.password !== '' || text.includes('@')) {
    return { problem: 'must not hold a user name or password' }
  }
  if (text.includes('?')) return { problem: 'must not have a query' }
  if (text.includes('#')) return { problem: 'must not have a fragment' }
  const refused = isOutbound ? refusedAddress(url) : undefined
  if (refused !== undefined) return { problem: refused }
  return { value: url.href.replace(/\/+$/, '') }
}

/** An address that is posted to as it is: what is behind its `?` is how many a webhook knows who it is from. */
export function hookUrl(text: string): Checked {
  const url = parseWebUrl(text)
  if (typeof url === 'string') return { problem: url }
  if (url.username !== '' || url.password !== '') {
    return { problem: 'must not hold a user name or password' }
  }
  if (text.includes('#')) return { problem: 'must not have a fragment' }
  const refused = refusedAddress(url)
  return refused === undefined ? { value: url.href } : { problem: refused }
}

/** An operator's own loopback and private networks are fine; metadata services and what is no host address are not. */
function refusedAddress(url: URL): string | undefined {
  const found = classifyAddress(url.hostname)
  if (found === 'link-local') return 'points at a link-local or metadata address, which is refused'
  return found === 'reserved' ? 'points at an address that no server has' : undefined
}

/** The address of a forward proxy, which may have a user and a password. */
export function proxyUrl(text: string): Checked {
  const url = parseWebUrl(text)
  if (typeof url === 'string') return { problem: url }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return { problem: 'must end after the port' }
  }
  const refused = refusedAddress(url)
  return refused === undefined ? { value: url.href.replace(/\/$/, '') } : { problem: refused }
}

/** One entry of a list of hosts without a proxy; lower case. */
export function noProxy(text: string): Checked {
  if (text === '*') return { value: text }
  if (parseAddressRange(text) !== undefined) return { value: text.toLowerCase() }
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text)
  const [, name = '', port] = bracketed ?? /^(?:\*?\.)?([^:]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  const isPort = port === undefined || (Number(port) > 0 && Number(port) <= 65_535)
  const isAddress = parseAddressRange(name) !== undefined
  // Brackets are for addresses: a name in them would hold nobody.
  if (isPort && (isAddress || (bracketed === null && isHost(name))))
    return { value: text.toLowerCase() }
  return { problem: 'must be a host, .domain, an address or a block, with or without a port, or *' }
}
