// What is known of providers, as gauges for Prometheus. A target is named only where the configuration names it or its provider has
// answered by that name lately: a client can ask for any name, and may have put anything into it.

import {
  OTHER_TARGETS,
  shownName,
  type ProviderReport,
  type TargetReport,
} from './health-report.ts'

export interface Gauge {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly samples: { readonly labels: readonly string[]; readonly value: number }[]
}

const CIRCUIT_VALUES = { closed: 0, half_open: 1, open: 2 } as const
const KEY_STATES = ['fit', 'limited', 'refused', 'draining'] as const

/** The gauges of a report and of the queue of all providers together. */
export function healthGauges(
  reports: readonly ProviderReport[],
  all: { readonly running: number; readonly waiting: number },
): Gauge[] {
  const target = ['provider', 'model']
  const circuit = gauge('weir_target_circuit', 'Circuit: 0 closed, 1 half open, 2 open.', target)
  const running = gauge('weir_target_running', 'Requests that run at a target.', target)
  const firstByte = gauge(
    'weir_target_first_byte_seconds',
    'Moving mean from sending to the head of the answer.',
    target,
  )
  const keys = gauge('weir_provider_key_state', 'Keys of a provider in each state.', [
    'provider',
    'state',
  ])
  const queueRunning = gauge('weir_queue_running', 'Requests with a place; all providers as "".', [
    'provider',
  ])
  const queueWaiting = gauge('weir_queue_waiting', 'Requests that wait for a place.', ['provider'])
  queueRunning.samples.push({ labels: [], value: all.running })
  queueWaiting.samples.push({ labels: [], value: all.waiting })
  for (const report of reports) {
    const { keys: held, queue, targets } = report
    const id = shownName(report)
    for (const one of namedTargets(targets)) {
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
  return [circuit, running, firstByte, keys, queueRunning, queueWaiting]
}

/** Those that may be named, and the others as one: all that run, and the worst of their circuits. */
function namedTargets(targets: readonly TargetReport[]): TargetReport[] {
  const named: TargetReport[] = []
  let other: TargetReport | undefined
  for (const target of targets) {
    if (target.usedByModels.length > 0 || target.firstByteMs !== undefined) {
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

function gauge(name: string, help: string, labelNames: readonly string[]): Gauge {
  return { name, help, labelNames, samples: [] }
}
