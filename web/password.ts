// The page behind the link by which somebody chooses their password. The link's secret stands behind `#`, which browsers send nowhere; it is
// taken out of the address at once, so that it stays in no history.

import { element, inputValue, onSubmit, problemOf, tell } from './entry.ts'

const token = location.hash.slice(1)
history.replaceState(null, '', location.pathname)

async function choose(): Promise<void> {
  const password = inputValue('password')
  if (password !== inputValue('again')) return tell('The two passwords differ.')
  const answer = await fetch('/auth/password', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, password }),
  })
  if (!answer.ok) return tell(await problemOf(answer))
  const { redirect } = (await answer.json()) as { redirect: string }
  location.assign(redirect)
}

if (token === '') tell('This page needs the link that an administrator sent you.')
onSubmit('password-form', choose)
element('password').focus()
