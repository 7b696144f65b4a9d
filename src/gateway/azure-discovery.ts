// What an application can see in Azure: every account that serves models in every subscription, and what is deployed there. A part
// that is forbidden or fails is reported and the rest goes on. It writes nothing; `azure-import` does.

import type { EntraSettings, Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { ModelFacts } from '../core/model-status.ts'
import {
  accountModelsUrl,
  accountsUrl,
  deploymentFacts,
  deploymentsUrl,
  modelBehind,
  readAccountModels,
  readAccounts,
  readDeployments,
  readSubscriptions,
  subscriptionsUrl,
  type AzureAccount,
  type AzureDeployment,
} from '../providers/azure-management.ts'
import { AzureFailure, AzureQuestions, type AzurePorts } from './azure-questions.ts'

export interface DiscoveredDeployment extends AzureDeployment {
  readonly facts: ModelFacts
}

export interface DiscoveredAccount extends AzureAccount {
  readonly subscriptionId: string
  readonly deployments: readonly DiscoveredDeployment[]
}

/** A part that could not be seen, in words for an administrator. */
export interface DiscoveryProblem {
  /** `subscription Production`, `account team-eu`. */
  readonly where: string
  readonly reason: string
}

export interface AzureDiscovery {
  readonly accounts: readonly DiscoveredAccount[]
  readonly problems: readonly DiscoveryProblem[]
}

export type EntraProvider = Provider & { readonly entra: EntraSettings }

/**
 * Looks at everything the application may see.
 * @param subscriptionId only this one
 * @throws AzureFailure when not even the subscriptions can be listed
 */
export async function discoverAzure(
  provider: EntraProvider,
  subscriptionId: string | undefined,
  ports: AzurePorts,
): Promise<AzureDiscovery> {
  return await new Round(new AzureQuestions(provider, ports)).all(subscriptionId)
}

/** The accounts alone. @throws AzureFailure when not even the subscriptions can be listed */
export async function azureAccounts(
  questions: AzureQuestions,
): Promise<{ readonly accounts: readonly AzureAccount[]; readonly isWhole: boolean }> {
  return await new Round(questions).accounts()
}

/** What is deployed in one account, with what is known of the models behind. @throws AzureFailure */
export async function deploymentsOf(
  account: AzureAccount,
  questions: AzureQuestions,
): Promise<{ readonly deployments: DiscoveredDeployment[]; readonly cut?: string }> {
  const { entra } = questions
  const [listed, models] = await Promise.all([
    questions.list(deploymentsUrl(entra, account), readDeployments),
    // Only for dates and capabilities: deployments without them are deployments still.
    questions.list(accountModelsUrl(entra, account), readAccountModels).catch((error: unknown) => {
      if (error instanceof AzureFailure) return { items: [] }
      throw error
    }),
  ])
  const once = new Map(listed.items.map((deployment) => [deployment.name, deployment]))
  const deployments = [...once.values()].map((deployment) => ({
    ...deployment,
    facts: deploymentFacts(deployment, modelBehind(deployment, models.items)),
  }))
  return { deployments, ...(listed.cut === undefined ? {} : { cut: listed.cut }) }
}

class Round {
  private readonly questions: AzureQuestions
  private readonly problems: DiscoveryProblem[] = []

  constructor(questions: AzureQuestions) {
    this.questions = questions
  }

  async all(subscriptionId: string | undefined): Promise<AzureDiscovery> {
    const found = await this.found(subscriptionId)
    const accounts = await Promise.all(found.map((account) => this.withDeployments(account)))
    return { accounts, problems: this.problems.toSorted(byPlace) }
  }

  async accounts() {
    const accounts = await this.found(undefined)
    return { accounts, isWhole: this.problems.length === 0 }
  }

  private async found(subscriptionId: string | undefined) {
    const subscriptions = await this.subscriptions(subscriptionId)
    const listed = (await Promise.all(subscriptions.map(this.accountsOf))).flat()
    // Pages of a list that changes meanwhile may repeat one; Azure's ids know no case.
    const found = [
      ...new Map(listed.map((one) => [one.resourceId.toLowerCase(), one] as const)).values(),
    ].toSorted((a, b) => (a.resourceId < b.resourceId ? -1 : 1))
    if (found.length <= LIMITS.azureAccountsMax) return found
    this.problem('accounts', `only the first ${LIMITS.azureAccountsMax} were looked at`)
    return found.slice(0, LIMITS.azureAccountsMax)
  }

  private async subscriptions(only: string | undefined) {
    if (only !== undefined) return [{ id: only, name: only }]
    const { entra } = this.questions
    const { items, cut } = await this.questions.list(subscriptionsUrl(entra), readSubscriptions)
    if (cut !== undefined) this.problem('subscriptions', cut)
    if (items.length === 0) {
      this.problem(
        'subscriptions',
        'the application sees none: give it the role Reader on a subscription or resource group',
      )
    }
    return items
  }

  private readonly accountsOf = async (subscription: { id: string; name: string }) => {
    const where = `subscription ${subscription.name}`
    try {
      const { items, cut } = await this.questions.list(
        accountsUrl(this.questions.entra, subscription.id),
        readAccounts,
        LIMITS.azureAccountsMax + 1,
      )
      if (cut !== undefined) this.problem(where, cut)
      return items.map((account) => ({ ...account, subscriptionId: subscription.id }))
    } catch (error) {
      this.note(where, error)
      return []
    }
  }

  private async withDeployments(
    account: AzureAccount & { readonly subscriptionId: string },
  ): Promise<DiscoveredAccount> {
    const where = `account ${account.name}`
    try {
      const { cut, deployments } = await deploymentsOf(account, this.questions)
      if (cut !== undefined) this.problem(where, cut)
      return { ...account, deployments }
    } catch (error) {
      this.note(where, error)
      return { ...account, deployments: [] }
    }
  }

  private note(where: string, error: unknown): void {
    if (!(error instanceof AzureFailure)) throw error
    this.problem(where, error.message)
  }

  private problem(where: string, reason: string): void {
    this.problems.push({ where, reason })
  }
}

/** What is asked at once answers in any order; a report reads the same each time. */
function byPlace(a: DiscoveryProblem, b: DiscoveryProblem): number {
  return a.where < b.where ? -1 : a.where > b.where ? 1 : 0
}
