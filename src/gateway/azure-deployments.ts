// The model list of a provider that is asked with an Entra ID application: what is deployed in its account, as the management API has
// it, since Azure's own list names every model that could be. Which account an address belongs to is looked up once in an hour.

import { azureCloud } from '../core/azure-cloud.ts'
import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { AzureAccount } from '../providers/azure-management.ts'
import type { ListedModel } from '../providers/provider.ts'
import type { AskedList } from './model-list-question.ts'
import {
  azureAccounts,
  deploymentsOf,
  type DiscoveredDeployment,
  type EntraProvider,
} from './azure-discovery.ts'
import { AzureFailure, AzureQuestions, type AzurePorts } from './azure-questions.ts'

interface KnownAccounts {
  readonly accounts: readonly AzureAccount[]
  readonly expiresMs: number
}

/** Statuses with which the service says that the application has no business there. */
const FORBIDDEN: ReadonlySet<number | undefined> = new Set([401, 403, 404])

export class AzureDeployments {
  private readonly ports: AzurePorts
  private readonly known = new Map<string, KnownAccounts>()
  private readonly asking = new Map<string, Promise<KnownAccounts>>()

  constructor(ports: AzurePorts) {
    this.ports = ports
  }

  /**
   * The deployments of the provider's account as models; undefined for a provider without an application, an application that may
   * not look, and an address of no account that it sees.
   * @throws GatewayError `upstream_error` when the service could not be asked now
   */
  async of(provider: Provider): Promise<AskedList | undefined> {
    if (!hasEntra(provider)) return undefined
    try {
      const questions = new AzureQuestions(provider, this.ports)
      const { accounts } = await this.accounts(provider, questions)
      const account = accounts.find((candidate) => isSameResource(candidate, provider.baseUrl))
      if (account === undefined) return undefined
      const { cut, deployments } = await deploymentsOf(account, questions)
      return { models: deployments.map(listedDeployment), isWhole: cut === undefined }
    } catch (error) {
      if (!(error instanceof AzureFailure)) throw error
      if (FORBIDDEN.has(error.status)) return undefined
      throw new GatewayError('upstream_error', { cause: error })
    }
  }

  private accounts(provider: EntraProvider, questions: AzureQuestions): Promise<KnownAccounts> {
    const key = applicationKey(provider)
    const known = this.known.get(key)
    if (known !== undefined && known.expiresMs > this.ports.clock.monotonicMs()) {
      return Promise.resolve(known)
    }
    let asking = this.asking.get(key)
    if (asking === undefined) {
      asking = this.ask(key, questions).finally(() => this.asking.delete(key))
      this.asking.set(key, asking)
    }
    return asking
  }

  private async ask(key: string, questions: AzureQuestions): Promise<KnownAccounts> {
    const { accounts, isWhole } = await azureAccounts(questions)
    // An account may be missing only because its subscription did not answer.
    const ttlMs = isWhole ? LIMITS.azureAccountsTtlMs : LIMITS.modelListTtlMs
    const found = { accounts, expiresMs: this.ports.clock.monotonicMs() + ttlMs }
    this.known.delete(key)
    this.known.set(key, found)
    if (this.known.size > LIMITS.tokenEntriesMax) {
      const oldest = this.known.keys().next()
      if (oldest.done !== true) this.known.delete(oldest.value)
    }
    return found
  }
}

export function hasEntra(provider: Provider): provider is EntraProvider {
  return provider.entra !== undefined
}

/** Everything that decides what is seen: an application with another secret may be another one's guess. */
function applicationKey({ entra, network }: EntraProvider): string {
  const { authority, management } = azureCloud(entra)
  return JSON.stringify([authority, management, entra, network])
}

const AZURE_HOST = /^([\w-]+)\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)$/i

/** Whether an address is one of the account's: each account answers under several names that begin alike. */
export function isSameResource(account: Pick<AzureAccount, 'endpoint'>, baseUrl: string): boolean {
  const theirs = URL.parse(account.endpoint)
  const ours = URL.parse(baseUrl)
  if (theirs === null || ours === null) return false
  if (theirs.host === ours.host) return true
  const name = AZURE_HOST.exec(theirs.hostname)?.[1]?.toLowerCase()
  return name !== undefined && name === AZURE_HOST.exec(ours.hostname)?.[1]?.toLowerCase()
}

function listedDeployment({ facts, name }: DiscoveredDeployment): ListedModel {
  return {
    id: name,
    facts,
    ...(facts.contextWindow === undefined ? {} : { contextWindow: facts.contextWindow }),
    ...(facts.capabilities === undefined ? {} : { capabilities: facts.capabilities }),
  }
}
