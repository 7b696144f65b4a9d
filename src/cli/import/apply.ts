// Puts what an import came to into the store, by the code that `POST /admin/config/import` runs: the plan is shown, somebody says yes, and all
// of it is in force or none. Values of secrets are read from the source or the environment and shown nowhere.

import { withServerDeps } from '../../app-alone.ts'
import { loadConfig } from '../../config/load.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { scopes } from '../../core/permission.ts'
import { DEFAULT_TENANT_ID, type Principal } from '../../core/principal.ts'
import { impliedGrant } from '../../core/roles.ts'
import { takeIn } from '../../server/admin/config-take-in.ts'
import { ROUTE_RULES } from '../../server/route-actions.ts'
import { SILENT_LOGGER } from '../../telemetry/log.ts'
import { cliActor } from '../actor.ts'
import type { CommandInput, Output } from '../command.ts'
import { confirmed, UNCONFIRMED_CODE } from '../confirm.ts'
import { printable } from '../format.ts'
import { withStore } from '../store.ts'
import type { ImportResult } from './result.ts'

/** Whoever may write the store may do everything in it. */
const OPERATOR: Principal = {
  kind: 'service',
  tenantId: DEFAULT_TENANT_ID,
  grants: [impliedGrant('owner', scopes.platform, 'the command line')],
}

const RULE = ROUTE_RULES.find(({ path }) => path === '/admin/config/import')!

/** @returns the exit code */
export async function applyImport(input: CommandInput, result: ImportResult): Promise<number> {
  const { configFlags, output } = input
  const secrets: Record<string, string> = {}
  const missing: string[] = []
  for (const { name, value } of result.needs) {
    const known = process.env[name] ?? value
    if (known === undefined || known === '') missing.push(name)
    else secrets[name] = known
  }
  if (missing.length > 0) {
    output.error(
      `Nothing was put in: these variables are not set: ${missing.join(', ')}. A stored provider holds its keys itself.\n`,
    )
    return 1
  }
  const { config } = loadConfig({ flags: configFlags })
  const asking = {
    principal: OPERATOR,
    tenantId: DEFAULT_TENANT_ID,
    rule: RULE,
    actor: cliActor(),
  }
  return await withStore(config, output, (store) =>
    withServerDeps(config, store, SILENT_LOGGER, async (deps) => {
      const asked = { yaml: result.yaml, secrets, isReplacing: false, maySet: true }
      const planned = await takeIn({ ...asked, isDryRun: true }, asking, deps)
      const isStopped = tellPlan(planned, output)
      if (isStopped) return 1
      const answer = await confirmed(input, 'Put it into the store? [y/N] ')
      if (answer !== 'yes') return answer === 'no' ? 1 : UNCONFIRMED_CODE
      const done = await takeIn({ ...asked, isDryRun: false }, asking, deps)
      if (done['applied'] !== true) {
        tellPlan(done, output)
        return 1
      }
      output.error('Put in.\n')
      return 0
    }),
  )
}

/** @returns whether something stands against it */
function tellPlan(report: JsonObject, output: Output): boolean {
  const list = (name: string) => (report[name] as readonly unknown[]).filter(isObject)
  const words = (value: unknown) => (typeof value === 'string' ? printable(value) : '')
  output.error('\nPlan:\n')
  for (const step of list('plan')) {
    const why = words(step['reason'])
    const name = `${words(step['kind'])} ${words(step['name'])}`
    output.error(`  ${words(step['action']).padEnd(9)} ${name}${why === '' ? '' : `: ${why}`}\n`)
  }
  const skipped = list('skipped').map(({ path }) => words(path))
  if (skipped.length > 0) {
    output.error(`  passed over, as only a file can say it: ${skipped.join(', ')}\n`)
  }
  for (const problem of list('problems')) {
    output.error(`  problem   ${words(problem['path'])}: ${words(problem['message'])}\n`)
  }
  const isRefused = list('plan').some(
    ({ action }) => action === 'conflict' || action === 'forbidden',
  )
  return isRefused || list('problems').length > 0
}
