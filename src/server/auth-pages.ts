// The pages of the login: one to log in, one to set up the administrator, and words where something went wrong. They are files of the
// executable with nothing inline; what is put into one is text and never markup.

import type { GatewayError } from '../core/error.ts'
import type { ServerDeps } from './context.ts'
import { respond, respondError } from './respond.ts'
import { wantsPage } from './browser.ts'

/** Everything the pages need is in the executable; a login there is a form of ours, sent by a script of ours. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Where the words of a problem go. */
const PROBLEM = '<p id="problem" role="alert" hidden></p>'

/** A page by its file. @param problem in words, where there is one */
export function authPage(
  request: Request,
  name: string,
  deps: Pick<ServerDeps, 'asset'>,
  { problem, status = 200 }: { readonly problem?: string; readonly status?: number } = {},
): Response {
  const asset = deps.asset(name)
  const html = asset === undefined ? PROBLEM : new TextDecoder().decode(asset.body)
  const body =
    problem === undefined
      ? html
      : html.replace(PROBLEM, () => `<p id="problem" role="alert">${escaped(problem)}</p>`)
  return respond(request, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'no-referrer',
    },
    body,
  })
}

/** What went wrong: words on a page for people, JSON for programs. */
export function respondLoginError(
  request: Request,
  error: GatewayError,
  deps: Pick<ServerDeps, 'asset'>,
): Response {
  if (request.method !== 'GET' || !wantsPage(request)) return respondError(request, error)
  return authPage(request, 'login.html', deps, { problem: error.message, status: error.status })
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replaceAll(/[&<>"']/g, (character) => names[character] ?? '')
}
