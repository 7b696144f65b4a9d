// What an import comes to: the text of a configuration that was proven, the account of the source, and the variables that are to be set. It
// puts together what was drafted and shows nothing.

import { toYaml } from '../../config/file-form.ts'
import type { Account } from './ledger.ts'
import type { Draft } from './draft.ts'
import type { Need } from './secrets.ts'

export interface ImportResult {
  /** `weir.yaml`; no secret is in it. */
  readonly yaml: string
  readonly accounts: readonly Account[]
  readonly needs: readonly Need[]
  readonly providers: number
  readonly models: number
}

/** @param from what was read, in a few words: `LiteLLM’s config.yaml` */
export function resultOf(draft: Draft, from: string): ImportResult {
  const document = draft.document()
  const { needs } = draft.secrets
  const accounts = draft.ledger.accounts()
  const count = (name: string) => (document[name] as readonly unknown[] | undefined)?.length ?? 0
  return {
    yaml: `${headOf(from, needs, accounts)}${Object.keys(document).length === 0 ? '{}\n' : toYaml(document)}`,
    accounts,
    needs,
    providers: count('providers'),
    models: count('models'),
  }
}

function headOf(from: string, needs: readonly Need[], accounts: readonly Account[]): string {
  const left = accounts.filter(({ fate }) => fate === 'left').length
  const lines = [`Made by weir import from ${from}.`]
  if (needs.length > 0) {
    lines.push('Secrets are not in it. These variables must be set before it is used:')
    lines.push(...needs.map(({ name }) => `  ${name}`))
  }
  if (left > 0) lines.push(`Not carried: ${left}; weir import says each with its reason.`)
  return `${lines.map((line) => `# ${line.replaceAll(/[\p{Cc}]/gu, ' ')}`).join('\n')}\n`
}
