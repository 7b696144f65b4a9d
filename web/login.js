// The page to log in and out: buttons for the identity providers, a form for local users, and who one is already. It writes text, never
// markup, and sends people to paths of this server alone; the way to a provider and back is the server's.

const element = (id) => document.getElementById(id)
let csrf = ''

function tell(problem) {
  const place = element('problem')
  place.textContent = problem
  place.hidden = false
}

/** What the server says went wrong. */
async function problemOf(answer) {
  try {
    const { error } = await answer.json()
    return error.message
  } catch {
    return `The server answered with ${answer.status}.`
  }
}

function returnTo() {
  return new URLSearchParams(location.search).get('return')
}

function showIssuers(issuers) {
  const back = returnTo()
  for (const { id, label } of issuers) {
    const link = document.createElement('a')
    link.href = `/auth/login/${encodeURIComponent(id)}${back === null ? '' : `?return=${encodeURIComponent(back)}`}`
    link.textContent = label
    const item = document.createElement('li')
    item.append(link)
    element('issuer-list').append(item)
  }
  element('issuers').hidden = issuers.length === 0
}

function showSession({ access, csrf: token, message, roles, user }) {
  csrf = token
  const name = user.name ?? user.email ?? user.id
  const names = [
    ...new Set(roles.filter(({ effect }) => effect === 'allow').map(({ role }) => role)),
  ]
  element('who').textContent =
    names.length === 0
      ? `${name}, tenant ${user.tenant}`
      : `${name}, tenant ${user.tenant}: ${names.join(', ')}`
  element('advice').textContent = message ?? ''
  element('advice').hidden = access
  element('go').hidden = !access
  element('session').hidden = false
}

async function show() {
  const answer = await fetch('/auth/session')
  if (!answer.ok) return tell(await problemOf(answer))
  const state = await answer.json()
  if (state.authenticated) return showSession(state)
  showIssuers(state.issuers)
  element('local').hidden = !state.local
  element('none').hidden = state.local || state.issuers.length > 0
  const first =
    state.issuers.length > 0 ? document.querySelector('#issuer-list a') : element('name')
  first?.focus()
}

async function logIn(event) {
  event.preventDefault()
  const back = returnTo()
  const answer = await fetch('/auth/login/local', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      name: element('name').value,
      password: element('password').value,
      ...(back === null ? {} : { return: back }),
    }),
  })
  if (!answer.ok) {
    element('password').value = ''
    element('password').focus()
    return tell(await problemOf(answer))
  }
  const { redirect } = await answer.json()
  location.assign(redirect)
}

async function logOut(event) {
  event.preventDefault()
  const answer = await fetch('/auth/logout', { method: 'POST', headers: { 'x-weir-csrf': csrf } })
  if (!answer.ok) return tell(await problemOf(answer))
  const { redirect } = await answer.json()
  location.assign(redirect)
}

element('local-form').addEventListener('submit', (event) => void logIn(event))
element('logout-form').addEventListener('submit', (event) => void logOut(event))
show().catch(() => tell('The server does not answer.'))
