// `/admin/settings`, `/admin/secrets` and `/admin/about`: how the program is set up, what of it can be changed while it runs, and what it is.
// All of it concerns every tenant. Whether a value is one, and who stands above it, is decided behind `SettingsDeps`.

import { Elysia } from 'elysia'
import type { JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { ServerDeps } from '../context.ts'
import { GatewayError } from '../../core/error.ts'
import { locksOut, LOCKS_OUT } from './config-plan.ts'
import { adminRoutes, moment, nullable, oneOf, t } from './contract.ts'
import type { RotationState } from './settings-deps.ts'

const VALUE = t.Union([
  t.String({ maxLength: 4_096 }),
  t.Number(),
  t.Boolean(),
  t.Null(),
  t.Array(t.String({ maxLength: 4_096 }), { maxItems: LIMITS.adminListItemsMax }),
])

const BOUND = t.Union([t.String(), t.Number(), t.Null()])

const SettingSchema = t.Object(
  {
    path: t.String({ description: 'As in the file: `log.requests`.' }),
    section: t.String(),
    value: t.Unknown({ description: 'As it would be written in the file; a secret is masked.' }),
    default: t.Unknown(),
    kind: oneOf([
      'text',
      'integer',
      'number',
      'duration',
      'size',
      'boolean',
      'choice',
      'list',
      'map',
      'free',
    ]),
    unit: nullable(t.String()),
    choices: nullable(t.Array(t.String())),
    min: BOUND,
    max: BOUND,
    doc: t.String(),
    absent: nullable(t.String(), { description: 'What happens where it is not set.' }),
    secret: t.Boolean(),
    origin: oneOf(['default', 'file', 'environment', 'flag', 'built-in', 'store']),
    restart: t.Boolean({ description: 'Whether it takes effect at a start alone.' }),
    read_only: nullable(t.String(), { description: 'Why it cannot be changed here.' }),
  },
  { $id: 'Setting' },
)

const SETTINGS = t.Object({ data: t.Array(SettingSchema) })

const ROTATION = nullable(
  t.Object({
    running: t.Boolean(),
    started: moment(),
    ended: nullable(moment()),
    done: t.Integer({ description: 'Values encrypted anew so far.' }),
    problem: nullable(t.String()),
  }),
  { description: 'The last one that this replica was asked for.' },
)

const SecretsSchema = t.Object(
  {
    master_key: t.String({ description: 'A fingerprint of the master key in use.' }),
    keys: t.Array(
      t.Object({
        id: t.String(),
        purpose: t.String(),
        master_key: t.String(),
        created: moment(),
        retired: nullable(moment()),
        values: t.Integer({ description: 'Stored values encrypted with it.' }),
      }),
    ),
    others: t.Integer({ description: 'Values of releases that encrypted with the master key.' }),
    rotation: ROTATION,
  },
  { $id: 'Secrets' },
)

const AboutSchema = t.Object(
  {
    version: t.String(),
    engine: oneOf(['sqlite', 'postgres']),
    started: moment(),
    uptime_seconds: t.Integer(),
    config_file: t.Boolean({ description: 'Whether there is one.' }),
    problems: t.Array(t.String(), { description: 'What is wrong with the store now.' }),
    redis: t.Object({ configured: t.Boolean(), connected: t.Boolean() }),
    limits: t.Object({ counted: t.String(), connected: t.Boolean() }),
  },
  { $id: 'About' },
)

export function settingsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'settings-routes' })
    .get(
      '/admin/settings',
      ...on(
        'GET',
        '/admin/settings',
        {
          summary: 'Settings in force',
          description:
            'Every setting of the configuration but the lists that have paths of their own (providers, models, keys, limits, budgets).',
          tag: 'Settings',
          versioned: true,
          answers: { 200: SETTINGS },
        },
        async ({ show }) => show(await settingsJson(deps)),
      ),
    )
    .patch(
      '/admin/settings',
      ...on(
        'PATCH',
        '/admin/settings',
        {
          summary: 'Change settings while it runs',
          description:
            'By path; null takes a change back. Every replica follows within a second. What the file, the environment or a flag sets is 409.',
          tag: 'Settings',
          versioned: true,
          body: t.Record(t.String(), VALUE, { minProperties: 1, maxProperties: 50 }),
          answers: { 200: SETTINGS },
          errors: [409],
          examples: {
            retention: { 'log.retention': '30d' },
            metadata: { 'log.requests': 'metadata' },
          },
        },
        async ({ body, changing, principal, show }) => {
          if (locksOut('auth.anonymous', body['auth.anonymous'], principal)) {
            throw new GatewayError('invalid_request', {
              status: 409,
              code: 'would_lock_out',
              param: 'auth.anonymous',
              message: LOCKS_OUT,
            })
          }
          await deps.configuration.change(
            body,
            changing(() => settingsJson(deps)),
          )
          return show(await settingsJson(deps))
        },
      ),
    )
    .get(
      '/admin/about',
      ...on(
        'GET',
        '/admin/about',
        { summary: 'What runs here', tag: 'Settings', answers: { 200: AboutSchema } },
        ({ reply }) => {
          const { hasConfigFile, problems, startedMs, ...rest } = deps.configuration.about()
          return reply({
            ...rest,
            problems: [...problems],
            config_file: hasConfigFile,
            started: new Date(startedMs).toISOString(),
            uptime_seconds: Math.max(0, Math.floor((deps.clock.nowMs() - startedMs) / 1_000)),
          })
        },
      ),
    )
    .get(
      '/admin/secrets',
      ...on(
        'GET',
        '/admin/secrets',
        {
          summary: 'What stored secrets are encrypted with',
          tag: 'Settings',
          answers: { 200: SecretsSchema },
        },
        async ({ reply }) => reply(await secretsJson(deps)),
      ),
    )
    .post(
      '/admin/secrets/rotate',
      ...on(
        'POST',
        '/admin/secrets/rotate',
        {
          summary: 'Encrypt every stored secret anew',
          description:
            'Goes on behind the answer: `GET /admin/secrets` tells how far it is. One that was broken off is taken up.',
          tag: 'Settings',
          answers: { 202: SecretsSchema },
          errors: [409],
        },
        async ({ actor, reply }) => {
          if (!deps.configuration.rotate(actor)) {
            throw new GatewayError('invalid_request', {
              status: 409,
              code: 'rotation_under_way',
              message: 'A rotation is under way.',
            })
          }
          return reply(await secretsJson(deps), 202)
        },
      ),
    )
}

async function settingsJson({ configuration }: ServerDeps): Promise<JsonObject> {
  return { data: await configuration.list() }
}

async function secretsJson({ configuration }: ServerDeps): Promise<JsonObject> {
  const { keys, masterKeyId, others } = await configuration.secrets()
  return {
    master_key: masterKeyId,
    keys: keys.map((key) => ({
      id: key.id,
      purpose: key.purpose,
      master_key: key.masterKeyId,
      created: new Date(key.createdMs).toISOString(),
      retired: key.retiredMs === null ? null : new Date(key.retiredMs).toISOString(),
      values: key.values,
    })),
    others,
    rotation: rotationJson(configuration.rotation()),
  }
}

function rotationJson(state: RotationState | undefined): JsonObject | null {
  if (state === undefined) return null
  return {
    running: state.isRunning,
    started: new Date(state.startedMs).toISOString(),
    ended: state.endedMs === undefined ? null : new Date(state.endedMs).toISOString(),
    done: state.done,
    problem: state.problem ?? null,
  }
}
