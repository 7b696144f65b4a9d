// Creations that may be sent again, where the store fails between its two words: what was made is told, and nothing is made twice.

import { expect, test } from 'bun:test'
import { GatewayError } from '../../core/error.ts'
import type { OnceAnswer, OnceRepository } from '../../core/ports.ts'
import { SILENT_LOGGER } from '../../telemetry/log.ts'
import type { Ask, RouteContract } from './contract.ts'
import { onceOnly } from './idempotency.ts'

type Asked = Ask<RouteContract>

/** Claims in memory; `isAway` where the store is for whatever follows. */
class Claims implements OnceRepository {
  readonly names = new Map<string, string>()
  readonly answers: OnceAnswer[] = []
  isAway = false

  async begin(name: string, asked: string) {
    if (this.names.has(name)) return 'running' as const
    this.names.set(name, asked)
    return 'new' as const
  }

  async finish(_name: string, answer: OnceAnswer) {
    if (this.isAway) throw new GatewayError('storage_unavailable')
    this.answers.push(answer)
  }

  async forget(name: string) {
    this.names.delete(name)
  }
}

function ask(caller: Partial<Asked['principal']>): Asked {
  const request = new Request('http://localhost/admin/keys', {
    method: 'POST',
    headers: { 'idempotency-key': 'k' },
  })
  const principal = { kind: 'user', tenantId: 'default', grants: [], ...caller }
  return {
    body: { name: 'x' },
    principal,
    request,
    rule: { method: 'POST' },
    tenantId: 'default',
  } as unknown as Asked
}

test('what was made is told though its answer cannot be kept, and is not made again', async () => {
  const once = new Claims()
  const deps = { once, logger: SILENT_LOGGER }
  once.isAway = true
  let made = 0
  const create = () => {
    made += 1
    return Response.json({ key: 'weir_told-once' }, { status: 201 })
  }
  const response = await onceOnly(ask({ userId: 'ann' }), deps, create)
  expect(response.status).toBe(201)
  expect(await response.json()).toEqual({ key: 'weir_told-once' })
  const again = onceOnly(ask({ userId: 'ann' }), deps, create)
  expect(await again.catch((error: unknown) => error)).toMatchObject({
    status: 409,
    code: 'idempotency_key_in_use',
  })
  expect(made).toBe(1)
})

test('whatever the store may have done stays claimed, what it refused does not', async () => {
  const once = new Claims()
  const deps = { once, logger: SILENT_LOGGER }
  const failing = async (error: GatewayError) => {
    const create = () => {
      throw error
    }
    await expect(onceOnly(ask({ userId: 'ann' }), deps, create)).rejects.toBe(error)
    return once.names.size
  }
  expect(await failing(new GatewayError('permission'))).toBe(0)
  expect(await failing(new GatewayError('storage_unavailable'))).toBe(1)
})

test('callers whose tenants call them the same are not one another', async () => {
  const once = new Claims()
  const deps = { once, logger: SILENT_LOGGER }
  const create = () => Response.json({}, { status: 201 })
  for (const tenantId of ['default', 'other']) {
    const asked = ask({ kind: 'service', serviceId: 'crawler', tenantId })
    expect((await onceOnly(asked, deps, create)).status).toBe(201)
  }
  expect(once.names.size).toBe(2)
})
