// The page behind the one-time link: a name and a password for the administrator. The link's secret stands behind `#`, which browsers
// send nowhere; it is taken out of the address at once, so that it stays in no history.

import { element, inputValue, onSubmit, problemOf, tell } from './entry.ts'

const token = location.hash.slice(1)
history.replaceState(null, '', location.pathname)

async function setUp(): Promise<void> {
  const password = inputValue('password')
  if (password !== inputValue('again')) return tell('The two passwords differ.')
  const answer = await fetch('/auth/setup', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, name: inputValue('name'), password }),
  })
  if (answer.ok) return location.assign('/ui')
  tell(await problemOf(answer))
}

if (token === '') tell("This page needs the link that the start or 'weir setup' printed.")
onSubmit('setup-form', setUp)
element('name').focus()
