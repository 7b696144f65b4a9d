// Streams: processor time for 1,000 chunks relayed, relayed with the usage event taken out, and translated, each in the same
// round as the pass-through relaying the same stream; as fast as they come, and at reading speed.

import { median, Pool } from './driver.ts'
import { ANTHROPIC_STREAM, OLLAMA_STREAM, WholeStream } from './expectations.ts'
import { openaiEvents, type StreamShape } from './payloads.ts'
import type { Running } from './process.ts'
import { number, type Figure } from './report.ts'
import type { Client, Stage } from './stage.ts'

export interface StreamOptions {
  readonly rounds: number
  readonly windowMs: number
}

/** One way for a stream to come. */
interface Pace {
  readonly name: string
  readonly shape: StreamShape
  /** Streams at once. */
  readonly connections: number
  /** Goals were set for streams as fast as they come. */
  readonly goals: boolean
  readonly roundsMax: number
}

/**
 * At full speed whoever is slower reads more at once, which is cheaper; at a steady pace everybody reads the same pieces, and
 * the ratio is that of the work done on each.
 */
const PACES: readonly Pace[] = [
  {
    name: 'as fast as taken',
    shape: { chunks: 2_000, perWrite: 1, intervalMs: 0 },
    connections: 8,
    goals: true,
    roundsMax: 5,
  },
  {
    name: '8 together each 2 ms',
    shape: { chunks: 2_000, perWrite: 8, intervalMs: 2 },
    connections: 24,
    goals: false,
    roundsMax: 3,
  },
  {
    name: 'one each 20 ms',
    shape: { chunks: 30, perWrite: 1, intervalMs: 20 },
    connections: 64,
    goals: false,
    roundsMax: 3,
  },
]

interface Variant {
  readonly name: string
  readonly client: Client
  /** Bounds for fast streams. */
  readonly ratioMax?: number
  readonly cpuMsMax?: number
}

const VARIANTS: readonly Variant[] = [
  { name: 'relayed', client: 'openai', ratioMax: 1.2 },
  { name: 'relayed, usage withheld', client: 'openai, no usage asked', ratioMax: 1.2 },
  { name: 'translated, Anthropic client', client: 'anthropic', cpuMsMax: 4 },
  { name: 'translated, Ollama client', client: 'ollama', cpuMsMax: 4 },
]

interface Sample {
  /** Processor time of the server for 1,000 chunks of the upstream. */
  readonly cpuMs: number
  /** Events in one read of the client's socket: how far they were joined on the way. */
  readonly eventsPerRead: number
}

export async function measureStreams(stage: Stage, options: StreamOptions): Promise<Figure[]> {
  const weir = await stage.startWeir()
  const figures: Figure[] = []
  for (const pace of PACES) figures.push(...(await compare(stage, weir, pace, options)))
  await stage.stop(weir)
  return figures
}

async function compare(
  stage: Stage,
  weir: Running,
  pace: Pace,
  options: StreamOptions,
): Promise<Figure[]> {
  const events = new Map<Client, number>()
  for (const { client } of VARIANTS) {
    events.set(client, await readInFull(stage, weir, pace.shape, client))
  }
  const base: Sample[] = []
  const samples = VARIANTS.map((): Sample[] => [])
  const measure = (server: Running, client: Client) =>
    takeSample(stage, server, pace, client, events.get(client)!, options.windowMs)
  for (const { client } of VARIANTS) await measure(weir, client)
  await measure(stage.passThrough, 'openai')
  for (let round = 0; round < Math.min(options.rounds, pace.roundsMax); round += 1) {
    base.push(await measure(stage.passThrough, 'openai'))
    for (const [index, { client }] of VARIANTS.entries()) {
      samples[index]!.push(await measure(weir, client))
    }
  }
  return VARIANTS.flatMap((variant, index) => figuresOf(variant, samples[index]!, base, pace))
}

function figuresOf(
  variant: Variant,
  own: readonly Sample[],
  base: readonly Sample[],
  pace: Pace,
): Figure[] {
  const { name, ratioMax, cpuMsMax } = variant
  const joined = (samples: readonly Sample[]) =>
    number(median(samples.map((each) => each.eventsPerRead)), 1)
  const passThroughMs = median(base.map((each) => each.cpuMs))
  return [
    {
      name: `CPU per 1,000 chunks ${name} (${pace.name})`,
      value: median(own.map((each) => each.cpuMs)),
      unit: 'ms',
      ...(pace.goals && cpuMsMax !== undefined ? { goal: { atMost: cpuMsMax } } : {}),
      beside: `pass-through ${number(passThroughMs)} ms; events per read ${joined(own)} and ${joined(base)}`,
    },
    {
      name: `  … over the pass-through's`,
      value: median(own.map((each, round) => each.cpuMs / base[round]!.cpuMs)),
      unit: '×',
      ...(pace.goals && ratioMax !== undefined ? { goal: { atMost: ratioMax } } : {}),
    },
  ]
}

/** One stream read in full; resolves to its number of events. */
async function readInFull(
  stage: Stage,
  weir: Running,
  shape: StreamShape,
  client: Client,
): Promise<number> {
  if (client !== 'anthropic' && client !== 'ollama') return 0
  const form = client === 'anthropic' ? ANTHROPIC_STREAM : OLLAMA_STREAM
  const whole = new WholeStream(form, shape.chunks)
  const pool = await Pool.open({ ...stage.streams(weir, shape, client), expect: () => whole }, 1)
  stage.checked(`a stream for ${client}, read in full`, await pool.once())
  pool.close()
  return whole.events
}

async function takeSample(
  stage: Stage,
  server: Running,
  { shape, connections }: Pace,
  client: Client,
  events: number,
  windowMs: number,
): Promise<Sample> {
  const pool = await Pool.open(stage.streams(server, shape, client, events), connections)
  const before = server.cpuMs()
  const result = stage.checked(
    `streams for ${client} through ${server.name}`,
    await pool.run({ elapsedMs: windowMs }),
  )
  const cpuMs = server.cpuMs() - before
  pool.close()
  const chunks = result.requests * openaiEvents(shape.chunks, true).length
  return { cpuMs: (cpuMs / chunks) * 1000, eventsPerRead: result.events / result.reads }
}
