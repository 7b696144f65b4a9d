// Writes the pages of `docs/` and the dashboards of `deploy/` that are made from the code. Run by `bun run docs`; their tests fail when
// somebody forgot to. It writes nothing else.

import { allCommands } from '../cli/completions/scripts.ts'
import { describeMarkdown } from '../config/describe.ts'
import { commandsPage } from './commands-page.ts'
import { dashboards } from './dashboards.ts'
import { withDoctorChecks } from './doctor-checks.ts'
import { withErrorTables } from './errors-page.ts'
import { withChecksList } from './guardrail-checks.ts'
import { lossesPage } from './losses-page.ts'
import { withMetricsTable } from './metrics-table.ts'
import { withProvidersTable } from './providers-table.ts'

const docs = new URL('../../docs/', import.meta.url)

await Bun.write(new URL('losses.md', docs), lossesPage())
await Bun.write(new URL('configuration.md', docs), describeMarkdown())
await Bun.write(new URL('commands.md', docs), commandsPage(await allCommands()))

const monitoring = Bun.file(new URL('monitoring.md', docs))
await Bun.write(monitoring, withMetricsTable(await monitoring.text()))

const guardrails = Bun.file(new URL('guardrails.md', docs))
await Bun.write(guardrails, withChecksList(await guardrails.text()))

const errors = Bun.file(new URL('errors.md', docs))
await Bun.write(errors, withErrorTables(await errors.text()))

const providers = Bun.file(new URL('providers.md', docs))
await Bun.write(providers, withProvidersTable(await providers.text()))

const doctor = Bun.file(new URL('doctor.md', docs))
await Bun.write(doctor, withDoctorChecks(await doctor.text()))

const grafana = new URL('../../deploy/grafana/dashboards/', import.meta.url)
for (const [name, dashboard] of Object.entries(dashboards())) {
  await Bun.write(new URL(name, grafana), `${JSON.stringify(dashboard, undefined, 2)}\n`)
}
