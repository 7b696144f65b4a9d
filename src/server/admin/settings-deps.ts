// What the routes of settings, secrets and the program itself need of the outside. Words alone; who fills them is `app-server.ts`.

import type { Actor } from '../../core/audit.ts'
import type { Model, Provider } from '../../core/catalog.ts'
import type { GuardrailRule } from '../../core/guardrail.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { BudgetRule, LimitRule } from '../../core/money.ts'
import type { SettingValues } from '../../core/ports.ts'

/** A setting as it is in force; see `SettingSchema`. */
export interface ShownSetting extends JsonObject {
  readonly path: string
}

/** What is known of a rotation of this process's own. */
export interface RotationState {
  readonly isRunning: boolean
  readonly startedMs: number
  readonly endedMs?: number
  /** Values encrypted anew so far. */
  readonly done: number
  /** Why it was broken off, in words for the operator. */
  readonly problem?: string
}

/** What values are encrypted with. */
export interface SecretsView {
  readonly masterKeyId: string
  readonly keys: readonly {
    readonly id: string
    readonly purpose: string
    readonly masterKeyId: string
    readonly createdMs: number
    readonly retiredMs: number | null
    readonly values: number
  }[]
  readonly others: number
}

export interface AboutView {
  readonly version: string
  readonly engine: 'sqlite' | 'postgres'
  readonly startedMs: number
  readonly hasConfigFile: boolean
  /** In words for the operator. */
  readonly problems: readonly string[]
  readonly redis: { readonly configured: boolean; readonly connected: boolean }
  readonly limits: { readonly counted: string; readonly connected: boolean }
}

/** Parts of a configuration that can be exported and imported. */
export type ConfigPart = 'settings' | 'providers' | 'models' | 'limits' | 'budgets' | 'guardrails'

export interface ExportRequest {
  readonly tenantId: string
  readonly format: 'yaml' | 'json'
  /** Those that whoever asks may see; `keys` for the names of API keys. */
  readonly parts: ReadonlySet<ConfigPart | 'keys'>
  /** Whether they may see this one. */
  sees(kind: 'providers' | 'models', id: string): boolean
}

/** One thing of an import. */
export interface ImportedThing<T> {
  /** Where it stands: `providers[0]`. */
  readonly path: string
  readonly line: number | null
  readonly value: T
  /** The same text for the same thing, secrets included: to be compared, and never shown. */
  readonly form: string
  /** The entry of the file that makes it; it holds secrets in clear. */
  readonly declared: JsonObject
}

export interface ImportedSetting {
  readonly path: string
  readonly line: number | null
  readonly value: JsonValue
}

export interface ImportProblem {
  readonly path: string
  readonly line?: number
  readonly message: string
  readonly suggestion?: string
}

export interface ReadConfig {
  readonly providers: readonly ImportedThing<Provider>[]
  readonly models: readonly ImportedThing<Model>[]
  readonly limits: readonly ImportedThing<LimitRule>[]
  readonly budgets: readonly ImportedThing<BudgetRule>[]
  readonly guardrails: readonly ImportedThing<GuardrailRule>[]
  readonly settings: readonly ImportedSetting[]
  /** Lists that are there, empty or not. */
  readonly parts: ReadonlySet<string>
  /** What only a file can say. */
  readonly skipped: readonly { readonly path: string; readonly line: number | null }[]
  readonly problems: readonly ImportProblem[]
}

export interface ConfigurationDeps {
  list(): Promise<ShownSetting[]>
  /** Looks at values as `change` does, and changes nothing. @throws GatewayError */
  check(values: SettingValues): void
  /** @throws GatewayError for what cannot be changed, or not so */
  change(values: SettingValues, by: Actor): Promise<void>
  about(): AboutView
  secrets(): Promise<SecretsView>
  rotation(): RotationState | undefined
  /** Begins a rotation; false where this process has one under way. */
  rotate(by: Actor): boolean
  exported(request: ExportRequest): Promise<string>
  /**
   * Reads a configuration by the rules of the file; nothing of this machine is read for it.
   * @param options `secrets` is what `${NAME}` stands for
   */
  read(
    text: string,
    options: {
      readonly format: 'yaml' | 'json'
      readonly secrets: Readonly<Record<string, string>>
      readonly providerIds: readonly string[]
    },
  ): ReadConfig
  /** The forms of what is there, to be compared with those of an import. */
  readonly forms: {
    providers(provider: Provider): string
    models(model: Model): string
    limits(rule: LimitRule): string
    budgets(rule: BudgetRule): string
    guardrails(rule: GuardrailRule): string
  }
  /** The form of what the file declares. */
  declaredForm(kind: 'providers' | 'models' | 'guardrails', id: string): string | undefined
}
