// People and rights through the management API, on SQLite. Postgres is `admin-people.system.test.ts`'s.

import { setDefaultTimeout } from 'bun:test'
import { peopleTests } from './testing/admin-people.ts'
import { startWholeApp } from './testing/whole-app.ts'

// Passwords are hashed, which takes long where little of the processor is to be had.
setDefaultTimeout(60_000)

peopleTests(startWholeApp)
