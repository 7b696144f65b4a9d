// What tracing, exports, guardrails and the response cache cost where they are on, beside the same executable without them in the same rounds. What they
// cost where they are off is part of every other figure; a second server without them shows how far two equal ones differ.

import { median } from './driver.ts'
import {
  addedLatency,
  takeSample,
  warmUp,
  type PlainOptions,
  type Sample,
} from './measure-plain.ts'
import { number, type Figure } from './report.ts'
import type { Running } from './process.ts'
import { startScript, type Stage } from './stage.ts'

const RULES = [
  { id: 'personal', check: 'pii', mode: 'mask', stages: ['input'] },
  { id: 'keys', check: 'secrets', stages: ['input'] },
  { id: 'words', check: 'words', words: ['a word that nobody says'], stages: ['input', 'output'] },
]

export async function measureFeatures(stage: Stage, options: PlainOptions): Promise<Figure[]> {
  const collector = await startScript('collector', import.meta.resolve('./collector.ts'), [])
  const endpoint = `http://127.0.0.1:${collector.port}`
  const subjects: readonly (readonly [name: string, server: Running])[] = [
    ['nothing on', await stage.startWeir()],
    ['nothing on, once more', await stage.startWeir({ name: 'weir again' })],
    ['tracing, every request', await started(stage, 'traced', { tracing: { endpoint } })],
    [
      'tracing, 1 % of requests',
      await started(stage, 'sampled', { tracing: { endpoint, sample: 0.01 } }),
    ],
    [
      'a webhook for each request',
      await started(stage, 'exported', { exports: [hookAt(endpoint)] }),
    ],
    ['guardrails: three built in', await started(stage, 'guarded', { guardrails: RULES })],
    ['cache, every answer a hit', await cached(stage)],
  ]
  for (const [, server] of subjects) await warmUp(stage, server, options.warmUp)
  const figures: Figure[] = []
  for (const connections of [1, 32]) {
    const rounds: Sample[][] = []
    for (let round = 0; round < options.rounds; round += 1) {
      const samples: Sample[] = []
      for (const [, server] of subjects) {
        samples.push(await takeSample(stage, server, connections, options.windowMs))
      }
      rounds.push(samples)
    }
    for (const [index, [name]] of subjects.entries()) {
      if (index > 0) figures.push(...compared(name, index, connections, rounds))
    }
  }
  for (const [, server] of subjects) await stage.stop(server)
  await collector.stop()
  return figures
}

function started(
  stage: Stage,
  name: string,
  more: Readonly<Record<string, unknown>>,
): Promise<Running> {
  return stage.startWeir({ name: `weir, ${name}`, more })
}

function hookAt(url: string): object {
  return { id: 'hook', type: 'webhook', url, secret: 'a-secret-of-the-benchmark' }
}

function cached(stage: Stage): Promise<Running> {
  const more = { cache: { exact: { enabled: true } } }
  return stage.startWeir({ name: 'weir, cached', replays: true, more })
}

/** One profile against the one with nothing on, round by round. */
function compared(
  name: string,
  at: number,
  connections: number,
  rounds: readonly Sample[][],
): Figure[] {
  const over = (read: (own: Sample, plain: Sample) => number) =>
    median(rounds.map((samples) => read(samples[at]!, samples[0]!)))
  const cpuMs = median(rounds.map((samples) => samples[at]!.cpuMs))
  return [
    {
      name: `${name}, ${connections} ${connections === 1 ? 'connection' : 'connections'}: CPU over nothing on`,
      value: over((own, plain) => own.cpuMs / plain.cpuMs),
      unit: '×',
      beside: `${number(cpuMs, 1)} ms per 1,000 requests`,
    },
    ...addedLatency('', at, rounds),
  ]
}
