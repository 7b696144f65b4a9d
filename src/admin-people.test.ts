// People and rights through the management API, on SQLite. Postgres is `admin-people.system.test.ts`'s.

import { peopleTests } from './testing/admin-people.ts'
import { startWholeApp } from './testing/whole-app.ts'

peopleTests(startWholeApp)
