// What the management API asks of the configuration: settings in force and their changes, the configuration as one file and back, the rotation
// of secrets, and what runs here. It joins the configuration, the store and the running parts; rights are asked before.

import type { Config } from './config/config.ts'
import { exportText, formOf } from './config/exported.ts'
import { COMPARED, FORMS, readImport } from './config/imported.ts'
import type { Actor } from './core/audit.ts'
import { DEFAULT_TENANT_ID } from './core/principal.ts'
import type { Logger } from './core/ports.ts'
import { VERSION } from './core/version.ts'
import type { LimitService } from './limit-service.ts'
import type { Replicas } from './replicas.ts'
import type {
  ConfigPart,
  ConfigurationDeps,
  ExportRequest,
  RotationState,
} from './server/admin/settings-deps.ts'
import { SettingsService } from './settings-service.ts'
import type { Store } from './storage/store.ts'
import { systemClock } from './system.ts'

export interface ConfigurationParts {
  readonly store: Store
  readonly logger: Logger
  readonly replicas: Pick<Replicas, 'state'>
  readonly limits: Pick<LimitService, 'state'>
  config(): Config
}

export function configurationDeps(parts: ConfigurationParts): ConfigurationDeps {
  const { config, limits, logger, replicas, store } = parts
  const settings = new SettingsService({ stored: store.storedSettings, config })
  const rotation = new Rotation(store, logger)
  const startedMs = systemClock.nowMs()
  return {
    list: () => settings.list(),
    check: (values) => settings.check(values),
    change: (values, by) => settings.change(values, by),
    about: () => ({
      version: VERSION,
      engine: config().storage.engine,
      startedMs,
      hasConfigFile: config().file !== undefined,
      problems: store.problems(),
      redis: replicas.state(),
      limits: limits.state(),
    }),
    secrets: () => store.secrets.state(),
    rotation: () => rotation.state,
    rotate: (by) => rotation.begin(by),
    exported: (request) => exported(request, parts),
    read: readImport,
    forms: FORMS,
    declaredForm: (kind, id) => declaredForm(config(), kind, id),
  }
}

/** What the file declares is every tenant's: it goes along with the first one's, for those who may see what is every tenant's. */
async function exported(
  { format, parts, sees, tenantId }: ExportRequest,
  { config, store }: ConfigurationParts,
): Promise<string> {
  const isAsked = (part: ConfigPart | 'keys') => parts.has(part)
  const { source } = config()
  const [stored, providers, models, limits, budgets, guardrails, keys] = await Promise.all([
    store.storedSettings.all(),
    store.providers.ofTenant(tenantId),
    store.models.list(tenantId),
    store.limitRules.list(tenantId),
    store.budgetRules.list(tenantId),
    store.guardrailRules.list(tenantId),
    store.keys.list(tenantId),
  ])
  const isFirst = tenantId === DEFAULT_TENANT_ID && isAsked('settings')
  const seen = <T extends { readonly id: string }>(
    kind: 'providers' | 'models',
    all: readonly T[],
  ) => all.filter(({ id }) => sees(kind, id))
  return exportText(
    {
      ...(isFirst && source !== undefined ? { source } : {}),
      ...(isFirst ? { stored, withSettings: true } : {}),
      ...(isAsked('providers') ? { providers: seen('providers', providers) } : {}),
      ...(isAsked('models') ? { models: seen('models', models) } : {}),
      ...(isAsked('limits') ? { limits } : {}),
      ...(isAsked('budgets') ? { budgets } : {}),
      ...(isAsked('guardrails') ? { guardrails: guardrails.map(({ rule }) => rule) } : {}),
      keyNames: isAsked('keys')
        ? keys.filter(({ revokedMs }) => revokedMs === undefined).map(({ name }) => name)
        : [],
    },
    format,
  )
}

/** The form of what the file declares under an id. */
function declaredForm(
  { source }: Config,
  kind: 'providers' | 'models' | 'guardrails',
  id: string,
): string | undefined {
  const list: readonly { readonly id: string }[] = source?.settings[kind] ?? []
  const found = list.find((one) => one.id === id)
  return found && JSON.stringify(formOf(kind, found, COMPARED))
}

/** A rotation that goes on behind the answer that began it; one at a time. */
class Rotation {
  private readonly store: Store
  private readonly logger: Logger
  private current: RotationState | undefined

  constructor(store: Store, logger: Logger) {
    this.store = store
    this.logger = logger
  }

  get state(): RotationState | undefined {
    return this.current
  }

  begin(by: Actor): boolean {
    if (this.current?.isRunning === true) return false
    this.current = { isRunning: true, startedMs: systemClock.nowMs(), done: 0 }
    void this.run(by)
    return true
  }

  private async run(by: Actor): Promise<void> {
    try {
      const { values } = await this.store.secrets.rotate(by, (done) => this.become({ done }))
      this.become({ done: values })
    } catch (error) {
      this.logger.error('the rotation of secrets was broken off', { error: String(error) })
      this.become({ problem: 'It was broken off; the log says why. Begin it again to go on.' })
    } finally {
      this.become({ isRunning: false, endedMs: systemClock.nowMs() })
    }
  }

  private become(change: Partial<RotationState>): void {
    if (this.current !== undefined) this.current = { ...this.current, ...change }
  }
}
