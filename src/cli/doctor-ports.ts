// What the commands that try providers reach them with: the real transport, tokens of Entra ID, and the mock's own. Made once for a
// command; nothing is recorded and nothing is logged but to whoever reads the steps.

import { EntraTokens } from '../auth/entra-tokens.ts'
import type { Provider } from '../core/catalog.ts'
import type { Transport } from '../core/ports.ts'
import { systemClock, systemIds } from '../system.ts'
import { SILENT_LOGGER } from '../telemetry/log.ts'
import { createTransport } from '../transport/http-transport.ts'
import type { CheckPorts } from './provider-check.ts'

/** Ports by provider. */
export function checkPorts(
  heardDate?: CheckPorts['heardDate'],
): (provider: Provider) => Promise<CheckPorts> {
  const http = createTransport(systemClock)
  const tokens = new EntraTokens({
    transport: http,
    clock: systemClock,
    ids: systemIds,
    // What went wrong is told by the step that needed the token.
    logger: SILENT_LOGGER,
  })
  const common = {
    clock: systemClock,
    tokens,
    ...(heardDate === undefined ? {} : { heardDate }),
  }
  let mock: Promise<Transport> | undefined
  return async ({ type }) => {
    if (type !== 'mock') return { ...common, transport: http }
    mock ??= import('../providers/mock-transport.ts').then((module) => new module.MockTransport())
    return { ...common, transport: await mock }
  }
}
