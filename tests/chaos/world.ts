// What the scenarios stand on: the executable with the providers of a scenario, all taken down again when it ends. Each scenario has
// a world of its own, so that nothing learned in one shows in another.

import { startWeir, type Weir } from '../harness/weir.ts'
import { Echo, type EchoOptions } from './echo.ts'

/** Repeats that do not hold up a run. */
export const SHORT_RETRIES = { max: 1, base: '20ms', cap: '50ms' }
export const NO_CIRCUIT = { enabled: false }

/** Said of a fault of its own; never of what a provider or a client did. */
const COMPLAINT = /internal error|request failed outside|panic/

/** A provider of a configuration. */
export type ProviderConfig = Readonly<Record<string, unknown>> & { readonly id: string }

export function providerAt(id: string, baseUrl: string, more: object = {}): ProviderConfig {
  return {
    id,
    type: 'custom',
    compatible: 'openai',
    base_url: baseUrl,
    retries: SHORT_RETRIES,
    ...more,
  }
}

/** A model with these targets, the first asked first. */
export function modelOf(id: string, providers: readonly string[], more: object = {}): object {
  const targets = providers.map((provider, order) => ({ provider, model: 'echo', order }))
  return { id, targets, ...more }
}

/** Things that are taken down in the reverse order of their coming. */
export class World implements AsyncDisposable {
  private readonly downs: (() => unknown)[] = []

  echo(options?: EchoOptions): Echo {
    const echo = new Echo(options)
    this.downs.push(() => echo.close())
    return echo
  }

  /** Anything that has an end. */
  add<T>(it: T, down: (it: T) => unknown): T {
    this.downs.push(() => down(it))
    return it
  }

  /** Starts the executable; at the end it must stop well. */
  async weir(config: object, files: Readonly<Record<string, string>> = {}): Promise<Weir> {
    const server = { drain_timeout: '1s' }
    const weir = await startWeir({ config: { server, ...config }, files })
    this.downs.push(async () => {
      const code = await weir.stop()
      if (code !== 0) throw new Error(`the executable ended with ${code}:\n${weir.stderr()}`)
      if (COMPLAINT.test(weir.stderr())) {
        const line =
          weir
            .stderr()
            .split('\n')
            .find((text) => COMPLAINT.test(text)) ?? ''
        throw new Error(`the executable complains: ${line.slice(0, 600)}`)
      }
    })
    return weir
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let failure: unknown
    for (const down of this.downs.toReversed()) {
      try {
        await down()
      } catch (error) {
        // The rest must be taken down as well; the first failure is told.
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
  }
}
