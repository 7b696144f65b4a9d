// What runs on the pages outside of the UI: to log in, to set up, to choose a password. One script for all three, as most of it is the same;
// which page it is its form says.

import { startByLink } from './by-link.ts'
import { startLogin } from './login.ts'

const kind = (['setup', 'password'] as const).find(
  (each) => document.getElementById(`${each}-form`) !== null,
)
if (kind === undefined) startLogin()
else startByLink(kind)

// A link that is put into the address while its page is open changes no more than what stands behind `#`.
addEventListener('hashchange', () => location.reload())
