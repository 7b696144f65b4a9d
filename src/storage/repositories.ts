// The repositories of control data, made the same way on both engines: whoever adds one adds it here, and both stores have it.

import type { Clock, Logger } from '../core/ports.ts'
import { ApiKeys } from './api-keys.ts'
import { Audit } from './audit.ts'
import { AuditContent } from './audit-content.ts'
import { BudgetRuleStore } from './budget-rules.ts'
import { ContentRuleStore } from './content-rules.ts'
import type { ControlDatabase } from './control-database.ts'
import { ErasureStore } from './erasures.ts'
import { HoldStore } from './holds.ts'
import { FlagRuleStore } from './flag-rules.ts'
import { GuardrailRuleStore } from './guardrail-rules.ts'
import type { KeptSealing } from './kept-sealing.ts'
import type { Keyring } from './keyring.ts'
import { LimitRuleStore } from './limit-rules.ts'
import { ModelStatuses } from './model-status.ts'
import { Models } from './models.ts'
import { OnceAnswers } from './once-answers.ts'
import { peopleStore, type PeopleStore } from './people.ts'
import { ProviderResets } from './provider-resets.ts'
import { Providers } from './providers.ts'
import { Secrets } from './secrets.ts'
import { StoredSettings } from './stored-settings.ts'

export interface ControlRepositories extends PeopleStore {
  readonly keys: ApiKeys
  readonly budgetRules: BudgetRuleStore
  readonly audit: Audit
  readonly auditContent: AuditContent
  readonly secrets: Secrets
  readonly providers: Providers
  readonly providerResets: ProviderResets
  readonly models: Models
  readonly modelStatuses: ModelStatuses
  readonly limitRules: LimitRuleStore
  readonly contentRules: ContentRuleStore
  readonly holds: HoldStore
  readonly erasures: ErasureStore
  readonly guardrailRules: GuardrailRuleStore
  readonly flagRules: FlagRuleStore
  readonly once: OnceAnswers
  readonly storedSettings: StoredSettings
}

export interface RepositoryOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** Of the log store, whose values a rotation goes over as well. */
  readonly sealing: Pick<KeptSealing, 'counts' | 'run'>
  /** Resolves when nothing of the log is deleted any more by the holds of before. */
  readonly settled?: () => Promise<void>
}

/** All of them, over one database. */
export function controlRepositories(
  database: ControlDatabase,
  keyring: Keyring,
  { clock, logger, sealing, settled }: RepositoryOptions,
): ControlRepositories {
  return {
    ...peopleStore(database, keyring),
    keys: new ApiKeys(database),
    budgetRules: new BudgetRuleStore(database, keyring, logger),
    audit: new Audit(database),
    auditContent: new AuditContent(database, keyring),
    secrets: new Secrets(database, keyring, sealing),
    providers: new Providers(database, keyring, clock, logger),
    providerResets: new ProviderResets(database),
    models: new Models(database, clock),
    modelStatuses: new ModelStatuses(database),
    limitRules: new LimitRuleStore(database),
    contentRules: new ContentRuleStore(database),
    holds: new HoldStore(database, settled),
    erasures: new ErasureStore(database),
    guardrailRules: new GuardrailRuleStore(database, keyring, logger),
    flagRules: new FlagRuleStore(database),
    once: new OnceAnswers(database, keyring),
    storedSettings: new StoredSettings(database),
  }
}
