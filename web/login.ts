// The page to log in and out: buttons for the identity providers, a form for local users, and who one is already. It writes text, never
// markup, and sends people to paths of this server alone; the way to a provider and back is the server's.

import { element, inputValue, onSubmit, problemOf, tell } from './entry.ts'
import type { SessionState } from './session.ts'

let csrf = ''

function returnTo(): string | null {
  return new URLSearchParams(location.search).get('return')
}

function showIssuers(issuers: NonNullable<SessionState['issuers']>): void {
  const back = returnTo()
  for (const { id, label } of issuers) {
    const link = document.createElement('a')
    link.className = 'button'
    link.href = `/auth/login/${encodeURIComponent(id)}${back === null ? '' : `?return=${encodeURIComponent(back)}`}`
    link.textContent = label
    const item = document.createElement('li')
    item.append(link)
    element('issuer-list').append(item)
  }
  element('issuers').hidden = issuers.length === 0
}

function showSession(state: SessionState): void {
  const { access = false, message, roles = [], user } = state
  csrf = state.csrf ?? ''
  const name = user?.name ?? user?.email ?? user?.id ?? ''
  const names = [
    ...new Set(roles.filter(({ effect }) => effect === 'allow').map(({ role }) => role)),
  ]
  const tenant = user?.tenant ?? ''
  element('who').textContent =
    names.length === 0
      ? `${name}, tenant ${tenant}`
      : `${name}, tenant ${tenant}: ${names.join(', ')}`
  element('advice').textContent = message ?? ''
  // The page may have come with these words already.
  element('advice').hidden = access || element('problem').textContent === message
  element('go').hidden = !access
  element('session').hidden = false
}

async function show(): Promise<void> {
  const answer = await fetch('/auth/session')
  if (!answer.ok) return tell(await problemOf(answer))
  const state = (await answer.json()) as SessionState
  if (state.authenticated) return showSession(state)
  const { issuers = [], local = false } = state
  showIssuers(issuers)
  element('local').hidden = !local
  element('none').hidden = local || issuers.length > 0
  const first =
    issuers.length > 0 ? document.querySelector<HTMLElement>('#issuer-list a') : element('name')
  first?.focus()
}

function post(kind: 'local' | 'link', body: object): Promise<Response> {
  return fetch(`/auth/login/${kind}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** By a one-time link. Its secret is taken out of the address before anything else, so that it stays in no history. */
async function logInByLink(token: string): Promise<void> {
  history.replaceState(null, '', location.pathname)
  const answer = await post('link', { token })
  if (answer.ok) return goOn(answer)
  tell(await problemOf(answer))
  await show()
}

async function goOn(answer: Response): Promise<void> {
  const { redirect } = (await answer.json()) as { redirect: string }
  location.replace(redirect)
}

async function logIn(): Promise<void> {
  const back = returnTo()
  const answer = await post('local', {
    name: inputValue('name'),
    password: inputValue('password'),
    ...(back === null ? {} : { return: back }),
  })
  if (!answer.ok) {
    const password = element<HTMLInputElement>('password')
    password.value = ''
    password.focus()
    return tell(await problemOf(answer))
  }
  await goOn(answer)
}

async function logOut(): Promise<void> {
  const answer = await fetch('/auth/logout', { method: 'POST', headers: { 'x-weir-csrf': csrf } })
  if (!answer.ok) return tell(await problemOf(answer))
  const { redirect } = (await answer.json()) as { redirect: string }
  location.assign(redirect)
}

export function startLogin(): void {
  onSubmit('local-form', logIn)
  onSubmit('logout-form', logOut)
  const token = location.hash.slice(1)
  const begun = token === '' ? show() : logInByLink(token)
  begun.catch(() => tell('The server does not answer.'))
}
