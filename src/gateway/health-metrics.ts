// What is known of providers, as gauges for Prometheus. A target is named only where the configuration names it, or its provider lists it and
// has answered by that name lately: a client can ask for any name, may have put anything into it, and some providers answer to all of them.

import { METRICS, type MetricDefinition } from '../core/metric-catalog.ts'
import {
  OTHER_TARGETS,
  shownName,
  type ProviderReport,
  type TargetReport,
} from './health-report.ts'

export interface Gauge {
  readonly definition: MetricDefinition
  readonly samples: { readonly labels: readonly string[]; readonly value: number }[]
}

const CIRCUIT_VALUES = { closed: 0, half_open: 1, open: 2 } as const
const KEY_STATES = ['fit', 'limited', 'refused', 'draining'] as const

/**
 * The gauges of a report and of the queue of all providers together.
 * @param mayName whether a name that no alias leads to is no client's invention
 */
export function healthGauges(
  reports: readonly ProviderReport[],
  all: { readonly running: number; readonly waiting: number },
  mayName: (model: string) => boolean,
): Gauge[] {
  const circuit = gauge(METRICS.circuit)
  const running = gauge(METRICS.targetRunning)
  const firstByte = gauge(METRICS.targetFirstByte)
  const keys = gauge(METRICS.keyState)
  const usable = gauge(METRICS.usable)
  const queueRunning = gauge(METRICS.queueRunning)
  const queueWaiting = gauge(METRICS.queueWaiting)
  queueRunning.samples.push({ labels: [], value: all.running })
  queueWaiting.samples.push({ labels: [], value: all.waiting })
  for (const report of reports) {
    const { keys: held, queue, targets } = report
    const id = shownName(report)
    usable.samples.push({ labels: [id], value: report.usable ? 1 : 0 })
    for (const one of namedTargets(targets, mayName)) {
      const labels = [id, one.model]
      circuit.samples.push({ labels, value: CIRCUIT_VALUES[one.circuit] })
      running.samples.push({ labels, value: one.running })
      if (one.firstByteMs !== undefined) {
        firstByte.samples.push({ labels, value: one.firstByteMs / 1_000 })
      }
    }
    if (held.length > 0) {
      for (const state of KEY_STATES) {
        const value = held.filter((key) => key.state === state).length
        keys.samples.push({ labels: [id, state], value })
      }
    }
    if (queue === undefined) continue
    queueRunning.samples.push({ labels: [id], value: queue.running })
    queueWaiting.samples.push({ labels: [id], value: queue.waiting })
  }
  return [usable, circuit, running, firstByte, keys, queueRunning, queueWaiting]
}

/** Those that may be named, and the others as one: all that run, and the worst of their circuits. */
function namedTargets(
  targets: readonly TargetReport[],
  mayName: (model: string) => boolean,
): TargetReport[] {
  const named: TargetReport[] = []
  let other: TargetReport | undefined
  for (const target of targets) {
    const hasAnswered = target.firstByteMs !== undefined
    if (target.usedByModels.length > 0 || (hasAnswered && mayName(target.model))) {
      named.push(target)
      continue
    }
    const known: TargetReport = other ?? { ...target, model: OTHER_TARGETS, running: 0 }
    const worse = CIRCUIT_VALUES[target.circuit] > CIRCUIT_VALUES[known.circuit]
    other = {
      ...known,
      running: known.running + target.running,
      circuit: worse ? target.circuit : known.circuit,
    }
  }
  return other === undefined ? named : [...named, other]
}

function gauge(definition: MetricDefinition): Gauge {
  return { definition, samples: [] }
}
