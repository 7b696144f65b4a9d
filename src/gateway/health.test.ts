import { describe, expect, test } from 'bun:test'
import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { HealthChange } from '../core/ports.ts'
import { FakeClock } from '../testing/clock.ts'
import { testProvider } from '../testing/gateway.ts'
import { Health } from './health.ts'

const CIRCUIT = { enabled: true, failures: 2, errorRate: 0.5, windowMs: 10_000, openMs: 1_000 }

function provider(over: Partial<Provider> = {}): Provider {
  return testProvider({
    id: 'p',
    type: 'openai',
    baseUrl: 'http://127.0.0.1:9/v1',
    circuit: CIRCUIT,
    ...over,
  })
}

function fresh() {
  const clock = new FakeClock()
  const health = new Health({ clock })
  const told: HealthChange[] = []
  health.onChange((change) => told.push(change))
  return { clock, health, told }
}

function fail(health: Health, at: Provider, model = 'm', times = CIRCUIT.failures): void {
  for (let time = 0; time < times; time += 1) health.begin(at, model)?.failed()
}

describe('a target', () => {
  test('that fails is left alone, and 500 askers get one probe', () => {
    const { clock, health } = fresh()
    const p = provider()
    fail(health, p)
    expect(health.begin(p, 'm')).toBeUndefined()
    expect(health.begin(p, 'other')).toBeDefined()
    expect(health.view(p, 'm')).toEqual({
      circuit: 'open',
      opensInMs: 1_000,
      limitedForMs: 0,
      running: 0,
      errorRate: 1,
    })
    clock.advance(1_000)
    expect(health.view(p, 'm').circuit).toBe('half_open')
    const probes = Array.from({ length: 500 }, () => health.begin(p, 'm')).filter(
      (attempt) => attempt !== undefined,
    )
    expect(probes).toHaveLength(1)
    probes[0]?.released()
    const next = health.begin(p, 'm')
    next?.answered()
    expect(health.view(p, 'm').circuit).toBe('closed')
    expect(health.view(p, 'm').running).toBe(1)
    next?.ended(true)
    expect(health.view(p, 'm').running).toBe(0)
  })

  test('counts what runs once, however often it is told that it is over', () => {
    const { health } = fresh()
    const p = provider()
    const attempts = Array.from({ length: 3 }, () => health.begin(p, 'm'))
    expect(health.view(p, 'm').running).toBe(3)
    const [failing, leaving, answering] = attempts
    failing?.failed()
    failing?.failed()
    failing?.released()
    leaving?.released()
    leaving?.answered()
    answering?.ended(true)
    answering?.answered()
    answering?.released()
    answering?.failed()
    expect(health.view(p, 'm').running).toBe(1)
    answering?.ended(true)
    answering?.ended(false)
    expect(health.view(p, 'm')).toMatchObject({ running: 0, circuit: 'closed', errorRate: 0.5 })
  })

  test('tells how fast it answers, until that is long ago', () => {
    const { clock, health } = fresh()
    const p = provider()
    const attempt = health.begin(p, 'm')
    clock.advance(200)
    attempt?.answered()
    clock.advance(800)
    expect(health.view(p, 'm').totalMs).toBeUndefined()
    attempt?.ended(true)
    expect(health.view(p, 'm')).toMatchObject({ firstByteMs: 200, totalMs: 1_000 })
    clock.advance(LIMITS.healthMeanMs + 1)
    expect(health.view(p, 'm').firstByteMs).toBeUndefined()
  })

  test('whose answers break off is left alone as well', () => {
    const { health } = fresh()
    const p = provider()
    for (let time = 0; time < CIRCUIT.failures; time += 1) {
      const attempt = health.begin(p, 'm')
      attempt?.answered()
      attempt?.ended(false)
    }
    expect(health.view(p, 'm')).toMatchObject({ circuit: 'open', errorRate: 1 })
  })

  test('is asked whatever happens where circuits are off', () => {
    const { health } = fresh()
    const p = provider({ circuit: { ...CIRCUIT, enabled: false } })
    fail(health, p, 'm', 100)
    expect(health.begin(p, 'm')).toBeDefined()
  })
})

describe('what is remembered', () => {
  test('asking for a state leaves nothing behind, and models beyond the bound make room', () => {
    const { clock, health } = fresh()
    const p = provider()
    health.view(p, 'm')
    expect(health.views(p)).toEqual([])
    const running = health.begin(p, 'runs')
    fail(health, p, 'broken')
    for (let index = 0; index < LIMITS.healthTargetsMax * 3; index += 1) {
      clock.advance(1)
      health.begin(p, `m${index}`)?.released()
      health.begin(p, 'broken')
    }
    const models = health.views(p).map(({ model }) => model)
    expect(models.length).toBeLessThanOrEqual(LIMITS.healthTargetsMax)
    expect(models).toContain('runs')
    expect(models).toContain('broken')
    expect(models).not.toContain('m0')
    running?.released()
  })

  test('of a key that is refused goes with its secret and its address, and what runs is counted on', () => {
    const { health } = fresh()
    const refused = provider({ keys: [{ id: 'main', secret: 'sk-old-0123456789abcdef' }] })
    const state = (p: Provider) => health.keys(p).report(p.keys, 0)[0]
    const refuse = (p: Provider) => {
      health.keys(p).began('main')
      health.keys(p).refused(p.keys, 'main', 401, 0)
      expect(state(p)).toMatchObject({ state: 'refused' })
    }
    refuse(refused)
    health.keep(new Map([['p', { ...refused }]]))
    expect(state(refused)).toMatchObject({ state: 'refused' })
    const replaced = { ...refused, keys: [{ id: 'main', secret: 'sk-new-0123456789abcdef' }] }
    health.keep(new Map([['p', replaced]]))
    expect(state(replaced)).toMatchObject({ state: 'fit', running: 1 })
    refuse(replaced)
    const moved = { ...replaced, baseUrl: 'http://127.0.0.1:10/v1' }
    health.keep(new Map([['p', moved]]))
    expect(state(moved)).toMatchObject({ state: 'fit', running: 2 })
    refuse(moved)
    health.keep(new Map([['p', { ...moved, keys: [] }]]))
    health.keep(new Map([['p', moved]]))
    expect(state(moved)).toMatchObject({ state: 'fit', running: 3 })
  })

  test('outlives a reload, but not its provider and not its address', () => {
    const { health } = fresh()
    const p = provider()
    fail(health, p)
    health.keys(p).refused(p.keys, 'p-key', 401, 0)
    const reloaded = provider({ timeouts: { ...p.timeouts, totalMs: 1 } })
    health.keep(new Map([['p', reloaded]]))
    expect(health.view(reloaded, 'm').circuit).toBe('open')
    const moved = provider({ baseUrl: 'http://127.0.0.1:8/v1' })
    health.keep(new Map([['p', moved]]))
    expect(health.view(moved, 'm').circuit).toBe('closed')
    // A key that the wrong address refused may be fine: asking it once more costs less than a quarter of an hour without it.
    expect(health.keys(moved).report(p.keys, 0)[0]?.state).toBe('fit')
    health.keep(new Map())
    expect(health.keys(p).report(p.keys, 0)[0]?.state).toBe('fit')
  })
})

describe('replicas', () => {
  /** Two that hear each other. */
  function pair() {
    const clock = new FakeClock()
    const here = new Health({ clock })
    const there = new Health({ clock })
    const p = provider()
    let told = 0
    here.onChange((change) => {
      told += 1
      there.adopt(p, change)
    })
    there.onChange((change) => {
      told += 1
      here.adopt(p, change)
    })
    return { clock, here, there, p, told: () => told }
  }

  test('share what opens and closes', () => {
    const { clock, here, there, p, told } = pair()
    fail(here, p)
    expect(there.begin(p, 'm')).toBeUndefined()
    expect(there.view(p, 'm').opensInMs).toBe(1_000)
    clock.advance(1_000)
    there.begin(p, 'm')?.answered()
    expect(here.view(p, 'm').circuit).toBe('closed')
    expect(told()).toBe(2)
  })

  test('believe their own good answers more than another', () => {
    const { clock, here, there, p } = pair()
    there.begin(p, 'm')?.answered()
    fail(here, p)
    expect(there.view(p, 'm').circuit).toBe('closed')
    clock.advance(1_000 + LIMITS.healthOwnWordMs)
    here.begin(p, 'm')?.failed()
    expect(there.view(p, 'm').circuit).toBe('open')
  })

  test('share keys that are limited, refused and fit again', () => {
    const { clock, here, there, p } = pair()
    const state = () => there.keys(p).report(p.keys, clock.monotonicMs())[0]
    clock.advance(500)
    here.keys(p).limited(p.keys, 'p-key', 5_500, 500)
    expect(state()).toMatchObject({ state: 'limited', freeInMs: 5_000 })
    here.keys(p).refused(p.keys, 'p-key', 401, 500)
    expect(state()).toMatchObject({ state: 'refused', freeInMs: LIMITS.keyRefusedBaseMs })
    here.keys(p).answered('p-key', new Headers(), 600)
    expect(state()).toMatchObject({ state: 'fit', freeInMs: 0 })
  })

  test('are told by hand that all is well', () => {
    const { clock, here, there, p } = pair()
    fail(there, p)
    fail(there, p, 'there')
    here.limit(p, 'm', clock.monotonicMs() + 60_000)
    there.keys(p).refused(p.keys, 'p-key', 401, clock.monotonicMs())
    expect(there.view(p, 'there').circuit).toBe('open')
    expect(here.reset(p, ['there'])).toEqual({ circuits: 2, keys: 1 })
    for (const health of [here, there]) {
      for (const model of ['m', 'there']) expect(health.view(p, model).circuit).toBe('closed')
      expect(health.limitedForMs(p, 'm')).toBe(0)
      expect(health.keys(p).report(p.keys, clock.monotonicMs())[0]?.state).toBe('fit')
    }
    expect(here.reset(p, [])).toEqual({ circuits: 0, keys: 0 })
    // What failed before says nothing: it takes as many failures as at first.
    fail(here, p, 'm', 1)
    expect(here.view(p, 'm').circuit).toBe('closed')
    fail(here, p, 'm', 1)
    expect(here.view(p, 'm').circuit).toBe('open')
  })

  test('try a target at different moments', () => {
    const clock = new FakeClock()
    const p = provider()
    const there = new Health({ clock, random: () => 0.5 })
    const untilMs = clock.nowMs() + 1_000
    there.adopt(p, { kind: 'circuit', providerId: 'p', model: 'm', state: 'open', untilMs })
    expect(there.view(p, 'm').opensInMs).toBe(1_100)
  })
})
