// Settings while the program runs: as they are in force, and changes of those that can be. It brings the configuration and the store
// together; who may see or change them has been asked before.

import type { Config } from './config/config.ts'
import { CHANGEABLE_SETTINGS, isChangeable, isDeclared, readSetting } from './config/stored.ts'
import { nodeAt, viewSettings, type SettingView } from './config/setting-nodes.ts'
import type { Actor } from './core/audit.ts'
import { GatewayError } from './core/error.ts'
import type { SettingValues, StoredSettingsRepository } from './core/ports.ts'
import type { ShownSetting } from './server/admin/settings-deps.ts'

export interface SettingsParts {
  readonly stored: StoredSettingsRepository
  config(): Config
}

/** What the routes of settings ask. */
export class SettingsService {
  private readonly parts: SettingsParts

  constructor(parts: SettingsParts) {
    this.parts = parts
  }

  async list(): Promise<ShownSetting[]> {
    const { source } = this.parts.config()
    if (source === undefined) return []
    const stored = await this.parts.stored.all()
    return viewSettings(source, stored).map((view) => this.shown(view))
  }

  /**
   * Changes settings; null takes a change back.
   * @throws GatewayError 400 for a value that is none, 404 for what is no setting, 409 for what cannot be changed here
   */
  async change(values: SettingValues, by: Actor): Promise<void> {
    this.check(values)
    await this.parts.stored.change(values, by)
  }

  /** Looks at them as `change` does, and changes nothing. @throws GatewayError */
  check(values: SettingValues): void {
    for (const [path, value] of Object.entries(values)) this.require(path, value)
  }

  /** @throws GatewayError */
  private require(path: string, value: unknown): void {
    if (!isChangeable(path)) {
      const isThere = nodeAt(path) !== undefined
      throw new GatewayError('invalid_request', {
        status: isThere ? 409 : 400,
        code: isThere ? 'read_only' : 'unknown_parameter',
        param: path.slice(0, 100),
        message: isThere
          ? elsewhere(path)
          : `There is no such setting. Those that can be changed are: ${CHANGEABLE_SETTINGS.join(', ')}.`,
      })
    }
    const origin = this.parts.config().source?.origins.get(path)
    if (isDeclared(path, this.parts.config().source)) {
      throw new GatewayError('invalid_request', {
        status: 409,
        code: 'declared_in_file',
        param: path,
        message: declaredBy(origin ?? 'file'),
      })
    }
    if (value === null) return
    const read = readSetting(path, value)
    if ('problem' in read) {
      throw new GatewayError('invalid_request', {
        param: path,
        message: `This ${read.problem.message}.`,
      })
    }
  }

  private shown(view: SettingView): ShownSetting {
    const { origin, path } = view
    const isOwn = origin === 'default' || origin === 'store'
    const reason = isOwn ? (isChangeable(path) ? null : elsewhere(path)) : declaredBy(origin)
    return { ...view, restart: needsRestart(path), read_only: reason } as ShownSetting
  }
}

/** Bound or opened at the start; everything else is taken over from a changed file at once. */
function needsRestart(path: string): boolean {
  return (
    /^(?:storage|secrets)\./.test(path) ||
    [
      'server.host',
      'server.port',
      'server.max_body_size',
      'server.max_upload_size',
      'log.format',
    ].includes(path)
  )
}

function elsewhere(path: string): string {
  return needsRestart(path)
    ? 'Set it in the configuration file; it takes effect at the next start.'
    : 'Set it in the configuration file, which is watched: it takes effect at once.'
}

function declaredBy(origin: SettingView['origin']): string {
  switch (origin) {
    case 'flag':
      return 'A flag of the command line sets it.'
    case 'environment':
      return 'A variable of the environment sets it; change it there.'
    default:
      return 'The configuration file sets it; change it there.'
  }
}
