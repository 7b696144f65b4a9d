// Where a browser goes after it has logged in or out: a path of this server and nothing else. Whoever can choose it must not be able to
// send people elsewhere, so everything that a browser could read as another place becomes the start page.

/** Where people go when nothing better is known. */
export const START_PAGE = '/ui'

const CHARS_MAX = 1_000

/** Characters of a path and a query; a backslash is a slash to browsers, and control characters are dropped by them. */
const LOCAL_PATH = /^\/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$/

/** The path when it is one of ours, else the start page. */
export function returnTarget(given: string | null | undefined): string {
  if (given === null || given === undefined) return START_PAGE
  if (given.length > CHARS_MAX || !LOCAL_PATH.test(given)) return START_PAGE
  const url = URL.parse(given, 'http://weir.invalid')
  if (url === null || url.host !== 'weir.invalid' || url.pathname.startsWith('//')) {
    return START_PAGE
  }
  // Pages only: what begins or ends a login would go round in circles.
  if (/^\/auth\/(?!session)/.test(url.pathname)) return START_PAGE
  return `${url.pathname}${url.search}`
}
