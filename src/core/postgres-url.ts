// The servers that one Postgres URL names, as libpq lets it: `postgres://user:password@one:5432,two:5432/weir`. Apart because the
// configuration checks each and the store connects to each; neither may know more of a list than this.

/** Text before the hosts, the hosts, and what follows them. A password may hold any character but these three, escaped or not. */
const PARTS = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is

/** One URL for each server, in the order they stand in; the text itself where it names one, or is no such URL. */
export function postgresServers(text: string): readonly string[] {
  const [, before = '', hosts = '', after = ''] = PARTS.exec(text) ?? []
  if (!hosts.includes(',')) return [text]
  return hosts.split(',').map((host) => `${before}${host}${after}`)
}

/** The other way round: one URL of several that differ in their hosts alone. */
export function joinedServers(urls: readonly string[]): string {
  const parts = urls.map((url) => PARTS.exec(url) ?? [url])
  const [, before = '', , after = ''] = parts[0] ?? []
  return `${before}${parts.map(([, , host = '']) => host).join(',')}${after}`
}
