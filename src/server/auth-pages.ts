// The pages of the login: one to log in, one to set up the administrator, and words where something went wrong. They are files of the
// executable with nothing inline; what is put into one is text and never markup.

import type { GatewayError } from '../core/error.ts'
import type { ServerDeps } from './context.ts'
import { respond, respondError } from './respond.ts'
import { pageHeaders } from './web-files.ts'
import { wantsPage } from './browser.ts'

/** Where the words of a problem go. */
const PROBLEM = '<p id="problem" role="alert" hidden></p>'

/** A page by its file. @param problem in words, where there is one */
export async function authPage(
  request: Request,
  name: string,
  deps: Pick<ServerDeps, 'asset'>,
  { problem, status = 200 }: { readonly problem?: string; readonly status?: number } = {},
): Promise<Response> {
  const asset = await deps.asset(name)
  const html = asset === undefined ? PROBLEM : new TextDecoder().decode(asset.body)
  const body =
    problem === undefined
      ? html
      : html.replace(PROBLEM, () => `<p id="problem" role="alert">${escaped(problem)}</p>`)
  return respond(request, {
    status,
    headers: {
      ...pageHeaders(),
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
    },
    body,
  })
}

/** What went wrong: words on a page for people, JSON for programs. */
export function respondLoginError(
  request: Request,
  error: GatewayError,
  deps: Pick<ServerDeps, 'asset'>,
): Response | Promise<Response> {
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
