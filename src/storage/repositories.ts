// The repositories of control data, made the same way on both engines: whoever adds one adds it here, and both stores have it.

import type { Clock, Logger } from '../core/ports.ts'
import { ApiKeys } from './api-keys.ts'
import { Audit } from './audit.ts'
import { BudgetRuleStore } from './budget-rules.ts'
import type { ControlDatabase } from './control-database.ts'
import type { Keyring } from './keyring.ts'
import { LimitRuleStore } from './limit-rules.ts'
import { ModelStatuses } from './model-status.ts'
import { Models } from './models.ts'
import { OnceAnswers } from './once-answers.ts'
import { peopleStore, type PeopleStore } from './people.ts'
import { Providers } from './providers.ts'
import { Secrets } from './secrets.ts'
import { StoredSettings } from './stored-settings.ts'

export interface ControlRepositories extends PeopleStore {
  readonly keys: ApiKeys
  readonly budgetRules: BudgetRuleStore
  readonly audit: Audit
  readonly secrets: Secrets
  readonly providers: Providers
  readonly models: Models
  readonly modelStatuses: ModelStatuses
  readonly limitRules: LimitRuleStore
  readonly once: OnceAnswers
  readonly storedSettings: StoredSettings
}

/** All of them, over one database. */
export function controlRepositories(
  database: ControlDatabase,
  keyring: Keyring,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): ControlRepositories {
  return {
    ...peopleStore(database, keyring),
    keys: new ApiKeys(database),
    budgetRules: new BudgetRuleStore(database, keyring, logger),
    audit: new Audit(database),
    secrets: new Secrets(database, keyring),
    providers: new Providers(database, keyring, clock, logger),
    models: new Models(database, clock),
    modelStatuses: new ModelStatuses(database),
    limitRules: new LimitRuleStore(database),
    once: new OnceAnswers(database, keyring),
    storedSettings: new StoredSettings(database),
  }
}
