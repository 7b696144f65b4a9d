import { expect, test } from 'bun:test'
import { scopes } from '../../../core/permission.ts'
import { DEFAULT_TENANT_ID } from '../../../core/principal.ts'
import { memberGrants } from '../../../testing/principals.ts'
import { explain } from './explain.ts'

test('what is said of a model is what a request for it would meet, in every spelling of its name', () => {
  const at = (name: string) => scopes.model(DEFAULT_TENANT_ID, name)
  const denials = memberGrants().map((grant) => {
    return { ...grant, effect: 'deny' as const, scope: at('local/llama3:latest') }
  })
  const grants = [...memberGrants(), ...denials]
  const principal = { kind: 'user' as const, tenantId: DEFAULT_TENANT_ID, grants }
  const isAllowed = (name: string) =>
    explain({ principal }, 'model.invoke', at(name), new Map()).allowed
  for (const name of ['llama3:latest', 'llama3', 'LLAMA3', 'library/llama3:latest']) {
    expect([name, isAllowed(`local/${name}`)]).toEqual([name, false])
  }
  for (const name of ['local/llama3:8b', 'local/llama3.1', 'other/llama3', 'fast']) {
    expect([name, isAllowed(name)]).toEqual([name, true])
  }
})
