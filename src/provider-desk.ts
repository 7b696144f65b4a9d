// What the routes of providers need of the rest of the program: the store, the settings of the network, the guard's word on addresses, and
// one try of a provider with the words that the commands have for it. It joins parts and decides nothing about rights.

import { EntraTokens } from './auth/entra-tokens.ts'
import type { Provider } from './core/catalog.ts'
import { LIMITS } from './core/limits.ts'
import type { NetworkDefaults } from './core/network.ts'
import type { ProviderRepository, Transport } from './core/ports.ts'
import type { GatewayDeps } from './gateway/deps.ts'
import type { ProbeStep, ProviderProbe, ProvidersDeps } from './server/admin/provider-book.ts'
import { systemClock, systemIds } from './system.ts'
import { SILENT_LOGGER } from './telemetry/log.ts'
import { refusedAddress } from './transport/judge-address.ts'
import { loadMaterial, TlsFileProblem } from './transport/tls-files.ts'

export interface DeskPorts {
  readonly store: ProviderRepository
  readonly gateway: Pick<GatewayDeps, 'transport'>
  network(): NetworkDefaults
  tellReset(provider: Provider): Promise<boolean>
}

export function providerDesk({ gateway, network, store, tellReset }: DeskPorts): ProvidersDeps {
  return {
    store,
    network,
    tellReset,
    refusedAddress: (host, allowPrivate) => refusedAddress(host, allowPrivate),
    tlsProblem: (settings) => {
      try {
        loadMaterial(settings)
        return undefined
      } catch (error) {
        if (error instanceof TlsFileProblem) return error.message
        throw error
      }
    },
    probe: (provider, model) => probe(provider, model, gateway.transport(provider)),
  }
}

/** Tries a provider once, with each of its keys. Tokens are asked for anew: those of another with the same name are not for this one. */
async function probe(
  provider: Provider,
  model: string | undefined,
  open: Transport,
): Promise<ProviderProbe> {
  // Loaded where it is needed: a server that nobody asks for it does not pay for it.
  const { askProvider } = await import('./cli/doctor-provider.ts')
  const limit = AbortSignal.timeout(LIMITS.providerProbeMs)
  const transport: Transport = {
    send: (request) => open.send({ ...request, signal: AbortSignal.any([request.signal, limit]) }),
  }
  const clock = systemClock
  const tokens = new EntraTokens({ transport, clock, ids: systemIds, logger: SILENT_LOGGER })
  let models: readonly { readonly id: string }[] | undefined
  const steps: ProbeStep[] = []
  const startedMs = clock.monotonicMs()
  const examination = {
    provider,
    model,
    models: [],
    tokens: model === undefined ? 'never' : 'asked',
    proxyVariable: undefined,
    heardList: (list: readonly { readonly id: string }[]) => (models = list),
  } as const
  for await (const step of askProvider(examination, { transport, clock, tokens })) {
    if (step.name === 'one token' && step.state === 'skipped') continue
    steps.push(step)
  }
  return {
    steps,
    durationMs: clock.monotonicMs() - startedMs,
    ...(models === undefined ? {} : { models: models.map(({ id }) => id) }),
  }
}
