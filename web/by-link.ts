// The pages behind one-time links: a name and a password for the administrator, or a password that somebody chooses. The link's secret stands
// behind `#`, which browsers send nowhere; it is taken out of the address at once, so that it stays in no history.

import { element, inputValue, onSubmit, problemOf, tell } from './entry.ts'

/** @param kind which of the two; forms and paths are called so */
export function startByLink(kind: 'setup' | 'password'): void {
  const isSetup = kind === 'setup'
  const token = location.hash.slice(1)
  history.replaceState(null, '', location.pathname)
  if (token === '') {
    const from = isSetup
      ? "that the start or 'weir setup admin' printed"
      : 'that an administrator sent you'
    tell(`This page needs the link ${from}.`)
  }
  onSubmit(`${kind}-form`, async () => {
    const password = inputValue('password')
    if (password !== inputValue('again')) return tell('The two passwords differ.')
    const answer = await fetch(`/auth/${kind}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, password, ...(isSetup ? { name: inputValue('name') } : {}) }),
    })
    if (!answer.ok) return tell(await problemOf(answer))
    const { redirect = '/ui' } = isSetup ? {} : ((await answer.json()) as { redirect?: string })
    location.assign(redirect)
  })
  element(isSetup ? 'name' : 'password').focus()
}
