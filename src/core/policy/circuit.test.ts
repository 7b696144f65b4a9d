import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { checkParameters } from '../../testing/seed.ts'
import type { CircuitSettings } from '../catalog.ts'
import { LIMITS } from '../limits.ts'
import { Circuit } from './circuit.ts'

const SETTINGS: CircuitSettings = {
  enabled: true,
  failures: 3,
  errorRate: 0.5,
  windowMs: 10_000,
  openMs: 1_000,
}

function opened(nowMs = 0, settings = SETTINGS): Circuit {
  const circuit = new Circuit()
  for (let index = 0; index < settings.failures; index += 1) circuit.failed(settings, nowMs)
  return circuit
}

describe('a circuit', () => {
  test('opens with the last of so many failures in a row, and says so once', () => {
    const circuit = new Circuit()
    expect(circuit.failed(SETTINGS, 0)).toBe(false)
    expect(circuit.failed(SETTINGS, 1)).toBe(false)
    expect(circuit.ask(SETTINGS, 2)).toBe('closed')
    expect(circuit.failed(SETTINGS, 2)).toBe(true)
    expect(circuit.ask(SETTINGS, 3)).toBe('open')
    expect(circuit.failed(SETTINGS, 3)).toBe(false)
    expect(circuit.opensInMs(3)).toBe(999)
    expect(circuit.state(SETTINGS, 1_001)).toBe('open')
    expect(circuit.state(SETTINGS, 1_002)).toBe('half_open')
    expect(circuit.opensInMs(1_002)).toBe(0)
  })

  test('500 ask at once when the time has come: one is let through', () => {
    const circuit = opened()
    const answers = Array.from({ length: 500 }, () => circuit.ask(SETTINGS, 1_000))
    expect(answers.filter((answer) => answer === 'probe')).toHaveLength(1)
    expect(answers.filter((answer) => answer === 'open')).toHaveLength(499)
  })

  test('a probe that is never given back makes room after the open time', () => {
    const circuit = opened()
    expect(circuit.ask(SETTINGS, 1_000)).toBe('probe')
    expect(circuit.ask(SETTINGS, 1_999)).toBe('open')
    expect(circuit.ask(SETTINGS, 2_000)).toBe('probe')
  })

  test('a probe that ends without a verdict makes room at once; one whose place was taken does not', () => {
    const circuit = opened()
    circuit.ask(SETTINGS, 1_000)
    const lost = circuit.turn
    circuit.ask(SETTINGS, 2_000)
    const running = circuit.turn
    circuit.released(lost)
    expect(circuit.ask(SETTINGS, 2_001)).toBe('open')
    circuit.released(running)
    expect(circuit.ask(SETTINGS, 2_002)).toBe('probe')
  })

  test('each probe that fails doubles the time, up to the bound; one that works closes and starts anew', () => {
    const circuit = opened()
    let nowMs = 0
    const waits: number[] = []
    for (let probe = 0; probe < 9; probe += 1) {
      waits.push(circuit.opensInMs(nowMs))
      nowMs += circuit.opensInMs(nowMs)
      expect(circuit.ask(SETTINGS, nowMs)).toBe('probe')
      expect(circuit.failed(SETTINGS, nowMs)).toBe(true)
    }
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000])
    expect(waits.at(-1)).toBe(LIMITS.circuitOpenMs)
    nowMs += circuit.opensInMs(nowMs)
    circuit.ask(SETTINGS, nowMs)
    expect(circuit.succeeded(SETTINGS, nowMs)).toBe(true)
    expect(circuit.state(SETTINGS, nowMs)).toBe('closed')
    for (let index = 0; index < SETTINGS.failures; index += 1) circuit.failed(SETTINGS, nowMs)
    expect(circuit.opensInMs(nowMs)).toBe(SETTINGS.openMs)
  })

  test('an open time above the bound is the operator’s and is kept', () => {
    const settings = { ...SETTINGS, openMs: LIMITS.circuitOpenMs * 3 }
    const circuit = opened(0, settings)
    circuit.ask(settings, settings.openMs)
    circuit.failed(settings, settings.openMs)
    expect(circuit.opensInMs(settings.openMs)).toBe(settings.openMs)
  })

  test('what was asked before it opened says nothing, however it ends', () => {
    const circuit = new Circuit()
    const before = circuit.turn
    for (let index = 0; index < SETTINGS.failures; index += 1) circuit.failed(SETTINGS, 0)
    expect(circuit.succeeded(SETTINGS, 10, before)).toBe(false)
    expect(circuit.state(SETTINGS, 10)).toBe('open')
    expect(circuit.failed(SETTINGS, 1_500, before)).toBe(false)
    expect(circuit.opensInMs(1_500)).toBe(0)
    expect(circuit.ask(SETTINGS, 1_500)).toBe('probe')
    circuit.succeeded(SETTINGS, 1_600)
    for (let index = 0; index < 20; index += 1) circuit.failed(SETTINGS, 1_700, before)
    expect(circuit.state(SETTINGS, 1_700)).toBe('closed')
  })

  test('a slow probe that works closes it although others were let through after it', () => {
    const circuit = opened()
    circuit.ask(SETTINGS, 1_000)
    const slow = circuit.turn
    circuit.ask(SETTINGS, 2_000)
    circuit.failed(SETTINGS, 2_100)
    expect(circuit.state(SETTINGS, 2_200)).toBe('open')
    expect(circuit.succeeded(SETTINGS, 2_200, slow)).toBe(true)
    expect(circuit.ask(SETTINGS, 2_200)).toBe('closed')
  })

  test('opens by the share of failures, only once there were enough answers', () => {
    const circuit = new Circuit()
    const settings = { ...SETTINGS, failures: 100 }
    for (let pair = 0; pair < 4; pair += 1) {
      circuit.succeeded(settings, 0)
      expect(circuit.failed(settings, 0)).toBe(false)
    }
    circuit.succeeded(settings, 0)
    expect(circuit.errorRate(settings, 0)).toBeCloseTo(4 / 9)
    expect(circuit.failed(settings, 0)).toBe(true)
  })

  test('failures of long ago do not count', () => {
    const circuit = new Circuit()
    const settings = { ...SETTINGS, failures: 100 }
    for (let index = 0; index < 9; index += 1) circuit.failed(settings, 0)
    expect(circuit.errorRate(settings, 9_000)).toBe(1)
    expect(circuit.errorRate(settings, 11_000)).toBe(0)
    expect(circuit.failed(settings, 11_000)).toBe(false)
  })

  test('answers that all begin well and break off open it too', () => {
    const circuit = new Circuit()
    const ends = [1, 2, 3].map((nowMs) => {
      circuit.succeeded(SETTINGS, nowMs)
      return circuit.broke(SETTINGS, nowMs)
    })
    expect(ends).toEqual([false, false, true])
    const other = new Circuit()
    for (let index = 0; index < 10; index += 1) {
      other.succeeded(SETTINGS, 0)
      other.finished()
      other.succeeded(SETTINGS, 0)
      expect(other.broke({ ...SETTINGS, errorRate: 0.6 }, 0)).toBe(false)
    }
    expect(other.errorRate(SETTINGS, 0)).toBe(0.5)
  })

  test('switched off it lets all through and forgets', () => {
    const circuit = opened()
    const off = { ...SETTINGS, enabled: false }
    expect(circuit.state(off, 1)).toBe('closed')
    expect(circuit.ask(off, 1)).toBe('closed')
    for (let index = 0; index < 50; index += 1) expect(circuit.failed(off, 1)).toBe(false)
    expect(circuit.ask(SETTINGS, 1)).toBe('closed')
  })

  test('takes another’s word: open until a later moment, never without end; closed at once', () => {
    const circuit = new Circuit()
    circuit.adoptOpen(5_000, SETTINGS, 0)
    expect(circuit.opensInMs(0)).toBe(5_000)
    circuit.adoptOpen(2_000, SETTINGS, 0)
    expect(circuit.opensInMs(0)).toBe(5_000)
    expect(circuit.ask(SETTINGS, 5_000)).toBe('probe')
    circuit.adoptClosed()
    expect(circuit.ask(SETTINGS, 5_000)).toBe('closed')
    circuit.adoptOpen(Number.MAX_SAFE_INTEGER, SETTINGS, 0)
    expect(circuit.opensInMs(0)).toBe(LIMITS.circuitOpenMs)
    const late = new Circuit()
    late.adoptOpen(10, SETTINGS, 10)
    expect(late.state(SETTINGS, 10)).toBe('closed')
  })
})

/** The rules once more, told by a list of what happened. */
class Model {
  answers: { atMs: number; ok: boolean }[] = []
  openUntilMs: number | undefined
  openMs = 0
  probeUntilMs = Number.NEGATIVE_INFINITY
  /** Requests of before the last change of state are told apart by it. */
  era = 0

  ask(nowMs: number): 'closed' | 'probe' | 'open' {
    if (this.openUntilMs === undefined) return 'closed'
    if (nowMs < Math.max(this.openUntilMs, this.probeUntilMs)) return 'open'
    this.probeUntilMs = nowMs + this.openMs
    return 'probe'
  }

  good(nowMs: number, probe: boolean, era: number): void {
    if (this.openUntilMs === undefined) {
      if (!probe && era === this.era) this.answers.push({ atMs: nowMs, ok: true })
    } else if (probe) {
      this.openUntilMs = undefined
      this.probeUntilMs = Number.NEGATIVE_INFINITY
      this.answers = []
      this.era += 1
    }
  }

  bad(nowMs: number, probe: boolean, era: number): void {
    if (this.openUntilMs !== undefined) {
      if (probe && nowMs >= this.openUntilMs) this.open(nowMs, this.openMs * 2)
      return
    }
    if (probe || era !== this.era) return
    this.answers.push({ atMs: nowMs, ok: false })
    const partMs = SETTINGS.windowMs / 10
    const partOf = (atMs: number) => Math.floor(atMs / partMs)
    const late = this.answers.filter(({ atMs }) => partOf(nowMs) - partOf(atMs) < 10)
    const wrong = late.filter(({ ok }) => !ok).length
    const lastOnes = this.answers.slice(-SETTINGS.failures)
    const inRow = lastOnes.length === SETTINGS.failures && lastOnes.every(({ ok }) => !ok)
    if (inRow || (late.length >= 10 && wrong / late.length >= SETTINGS.errorRate)) {
      this.open(nowMs, SETTINGS.openMs)
      this.era += 1
    }
  }

  private open(nowMs: number, openMs: number): void {
    this.openMs = Math.min(openMs, LIMITS.circuitOpenMs)
    this.openUntilMs = nowMs + this.openMs
    this.probeUntilMs = Number.NEGATIVE_INFINITY
  }
}

test('does what a simple telling of the rules does, whatever happens in whatever order', () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.constant(0), fc.nat(500), fc.nat(20_000)),
    act: fc.constantFrom('ask', 'ask', 'good', 'bad', 'bad'),
    which: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const circuit = new Circuit()
      const model = new Model()
      let running: { turn: number; probe: boolean; era: number; opening: number }[] = []
      let nowMs = 0
      // A probe of an earlier opening says nothing once the circuit was closed in between.
      let opening = 0
      for (const { waitMs, act, which } of steps) {
        nowMs += waitMs
        if (act === 'ask') {
          const answer = circuit.ask(SETTINGS, nowMs)
          expect(answer).toBe(model.ask(nowMs))
          if (answer !== 'open') {
            running.push({ turn: circuit.turn, probe: answer === 'probe', era: model.era, opening })
          }
          continue
        }
        const one = running[which % Math.max(1, running.length)]
        if (one === undefined) continue
        running = running.filter((other) => other !== one)
        const wasOpen = model.openUntilMs !== undefined
        const stale = one.probe && one.opening !== opening
        if (act === 'good') {
          circuit.succeeded(SETTINGS, nowMs, one.turn)
          if (!stale) model.good(nowMs, one.probe, one.era)
        } else {
          circuit.failed(SETTINGS, nowMs, one.turn)
          if (!stale) model.bad(nowMs, one.probe, one.era)
        }
        if (wasOpen && model.openUntilMs === undefined) opening += 1
        expect(circuit.opensInMs(nowMs)).toBe(Math.max(0, (model.openUntilMs ?? 0) - nowMs))
      }
    }),
    checkParameters(400),
  )
})
