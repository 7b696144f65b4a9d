// What an operator should hear of the network settings in force: providers whose certificates are not verified, and certificate
// files that will fail every request. Told once, at the start and after each reload. It changes nothing and stops nothing.

import { providerUid, type Provider } from '../core/catalog.ts'
import type { Logger } from '../core/ports.ts'
import { loadMaterial, TlsFileProblem } from './tls-files.ts'

export class NetworkWarnings {
  private readonly logger: Logger
  private told: ReadonlySet<string> = new Set()

  constructor(logger: Logger) {
    this.logger = logger
  }

  /** Warns of every provider that it has not been told of with these settings. */
  tell(providers: Iterable<Provider>): void {
    const told = new Set<string>()
    for (const provider of providers) {
      const {
        ca,
        caFile,
        cert,
        certFile,
        key: ownKey,
        keyFile,
        keyPassphrase,
        verify,
      } = provider.network
      const given = [ca, caFile, cert, certFile, ownKey, keyFile]
      const hasFiles = given.some((each) => each !== undefined)
      if (verify !== false && !hasFiles) continue
      const key = JSON.stringify([providerUid(provider), verify, given, keyPassphrase])
      told.add(key)
      if (!this.told.has(key)) this.warn(provider)
    }
    this.told = told
  }

  /** After a reload everything is told again. */
  forget(): void {
    this.told = new Set()
  }

  private warn(provider: Provider): void {
    if (provider.network.verify === false) {
      this.logger.warn(
        'network.verify is false: any certificate is accepted, so whoever is on the way can read keys and prompts',
        { provider: providerUid(provider) },
      )
    }
    try {
      loadMaterial(provider.network)
    } catch (error) {
      if (!(error instanceof TlsFileProblem)) throw error
      this.logger.warn('every request to this provider will fail', {
        provider: providerUid(provider),
        problem: error.message,
      })
    }
  }
}
