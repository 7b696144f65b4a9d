// What an import tells: what was carried with a difference, what was left behind with its reason, and which variables are to be set. No value
// of the source is in it.

import type { JsonObject } from '../../core/json.ts'
import { counted, printable } from '../format.ts'
import type { Account } from './ledger.ts'
import type { ImportResult } from './result.ts'

/** The report for a person. */
export function reportText({ accounts, models, needs, providers }: ImportResult): string {
  const of = (fate: Account['fate']) => accounts.filter((account) => account.fate === fate)
  const changed = of('changed')
  const left = of('left')
  const lines = [
    `Carried: ${counted(providers, 'provider')}, ${counted(models, 'model')}; ${counted(of('carried').length + changed.length, 'setting')} of the source.`,
  ]
  if (changed.length > 0) lines.push('', 'Carried with a difference:')
  for (const { note = '', path, to = '' } of changed) {
    lines.push(`  ${printable(path)} → ${to}: ${printable(note)}`)
  }
  if (left.length > 0) lines.push('', 'Not carried:')
  for (const { note = '', path, way } of left) {
    lines.push(`  ${printable(path)}: ${printable(note)}${way === undefined ? '' : `. ${way}`}`)
  }
  if (needs.length > 0) lines.push('', 'Set before it is used:')
  for (const { name, value } of needs) {
    lines.push(`  export ${name}=…${value === undefined ? '' : '   # the source has it in clear'}`)
  }
  return `${lines.join('\n')}\n`
}

/** The same for a program. */
export function reportJson(result: ImportResult): JsonObject {
  return {
    yaml: result.yaml,
    providers: result.providers,
    models: result.models,
    accounts: result.accounts.map(({ fate, note, path, to, way }) => ({
      path,
      fate,
      to: to ?? null,
      note: note ?? null,
      way: way ?? null,
    })),
    needs: result.needs.map(({ name, value }) => ({ name, in_clear: value !== undefined })),
  }
}
