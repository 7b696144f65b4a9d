// The page behind the one-time link: a name and a password for the administrator. The link's secret stands behind `#`, which browsers
// send nowhere; it is taken out of the address at once, so that it stays in no history.

const element = (id) => document.getElementById(id)
const token = location.hash.slice(1)
history.replaceState(null, '', location.pathname)

function tell(problem) {
  const place = element('problem')
  place.textContent = problem
  place.hidden = false
}

async function setUp(event) {
  event.preventDefault()
  const password = element('password').value
  if (password !== element('again').value) return tell('The two passwords differ.')
  const answer = await fetch('/auth/setup', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, name: element('name').value, password }),
  })
  if (answer.ok) return location.assign('/auth/login')
  try {
    const { error } = await answer.json()
    tell(error.message)
  } catch {
    tell(`The server answered with ${answer.status}.`)
  }
}

if (token === '') tell("This page needs the link that the start or 'weir setup' printed.")
element('setup-form').addEventListener('submit', (event) => {
  setUp(event).catch(() => tell('The server does not answer.'))
})
element('name').focus()
