// `/admin/config`: the configuration as one file, out of the program and into it. What somebody may not see is not in the file; what they may
// not change is refused, part by part. No secret leaves; none is read from this machine.

import { Elysia } from 'elysia'
import { can, modelScopes, scopes } from '../../core/permission.ts'
import { LIMITS } from '../../core/limits.ts'
import type { Principal } from '../../core/principal.ts'
import { isShared, type ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import { takeIn } from './config-take-in.ts'
import { adminRoutes, nullable, oneOf, strict, t } from './contract.ts'
import type { ConfigPart } from './settings-deps.ts'

const PART = ['settings', 'providers', 'models', 'limits', 'budgets', 'guardrails'] as const

const StepSchema = t.Object(
  {
    kind: oneOf(PART),
    name: t.String(),
    action: oneOf(['create', 'update', 'unchanged', 'delete', 'conflict', 'forbidden']),
    path: nullable(t.String()),
    line: nullable(t.Integer()),
    members: t.Array(t.String(), { description: 'What changes, of an update.' }),
    reason: nullable(t.String(), { description: 'Why it cannot be done.' }),
  },
  { $id: 'ImportStep' },
)

const ImportSchema = t.Object(
  {
    applied: t.Boolean({ description: 'Whether it is in force: all of it, or none.' }),
    plan: t.Array(StepSchema),
    problems: t.Array(
      t.Object({
        path: t.String(),
        line: nullable(t.Integer()),
        message: t.String(),
        suggestion: nullable(t.String()),
      }),
      { description: 'While there is one, nothing is applied.' },
    ),
    skipped: t.Array(t.Object({ path: t.String(), line: nullable(t.Integer()) }), {
      description: 'What only a file on the server can say; it is passed over.',
    }),
  },
  { $id: 'ImportReport' },
)

const SECRET_NAME = '^[A-Za-z_][A-Za-z0-9_]{0,199}$'

export function configRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'config-routes' })
    .get(
      '/admin/config/export',
      ...on(
        'GET',
        '/admin/config/export',
        {
          summary: 'The configuration as one file',
          description:
            'What file and store declare, as far as one may see it. In the place of secrets stand `${NAME}` references; API keys cannot be exported. JSON has no comments: there the names are in the references alone.',
          tag: 'Settings',
          query: strict({
            format: t.Optional(oneOf(['yaml', 'json'], { description: '`yaml` unless given.' })),
          }),
          answers: { 200: t.Object({}, { additionalProperties: true }) },
          media: { 200: ['application/yaml', 'application/json'] },
        },
        async ({ principal, query, request, tenantId }) => {
          const { format = 'yaml' } = query
          const parts = readable(principal, tenantId, deps)
          const body = await deps.configuration.exported({
            tenantId,
            format,
            parts,
            sees: (kind, id) => maySee(principal, tenantId, kind, id),
          })
          return respond(request, {
            status: 200,
            headers: {
              'content-type': format === 'json' ? 'application/json' : 'application/yaml',
              'content-disposition': `attachment; filename="weir.${format}"`,
            },
            body,
          })
        },
      ),
    )
    .post(
      '/admin/config/import',
      ...on(
        'POST',
        '/admin/config/import',
        {
          summary: 'Take a configuration in',
          description:
            'The plan says what becomes of each thing; with `dry_run` that is all. Else all of it is applied, or, where something is wrong, forbidden or declared elsewhere, none. `${NAME}` stands for what is given in `secrets`, never for a variable or a file of the server. `replace` also deletes what the store has and a list of the file does not.',
          tag: 'Settings',
          body: strict({
            yaml: t.String({
              maxLength: LIMITS.importBodyBytesMax,
              description: 'The file; JSON is YAML too.',
            }),
            dry_run: t.Optional(t.Boolean()),
            mode: t.Optional(oneOf(['merge', 'replace'], { description: '`merge` unless given.' })),
            secrets: t.Optional(
              t.Record(t.String({ pattern: SECRET_NAME }), t.String({ maxLength: 8_192 }), {
                additionalProperties: false,
                maxProperties: LIMITS.adminListItemsMax,
              }),
            ),
          }),
          bodyBytesMax: LIMITS.importBodyBytesMax,
          answers: { 200: ImportSchema },
          errors: [409],
          examples: {
            'dry run': {
              yaml: 'models:\n  - id: fast\n    targets:\n      - { provider: mock, model: echo }\n',
              dry_run: true,
            },
          },
        },
        async ({ actor, body, principal, reply, rule, tenantId }) => {
          const { dry_run: isDryRun = false, mode = 'merge', secrets = {}, yaml } = body
          const maySet = can(
            principal,
            'settings.write',
            isShared(deps) ? scopes.platform : scopes.tenant(principal.tenantId),
          )
          const asked = { yaml, secrets, isDryRun, isReplacing: mode === 'replace', maySet }
          return reply(await takeIn(asked, { principal, tenantId, rule, actor }, deps))
        },
      ),
    )
}

function maySee(
  principal: Principal,
  tenantId: string,
  kind: 'providers' | 'models',
  id: string,
): boolean {
  return kind === 'providers'
    ? can(principal, 'provider.read', scopes.provider(tenantId, id))
    : can(principal, 'model.read', modelScopes(tenantId, id))
}

function readable(
  principal: Principal,
  tenantId: string,
  deps: ServerDeps,
): ReadonlySet<ConfigPart | 'keys'> {
  const tenant = scopes.tenant(tenantId)
  const parts = new Set<ConfigPart | 'keys'>()
  if (can(principal, 'provider.read', tenant)) parts.add('providers')
  if (can(principal, 'model.read', tenant)) parts.add('models')
  if (can(principal, 'limit.read', tenant)) parts.add('limits')
  if (can(principal, 'budget.read', tenant)) parts.add('budgets')
  if (can(principal, 'guardrail.read', tenant)) parts.add('guardrails')
  if (can(principal, 'key.read', tenant)) parts.add('keys')
  // Settings are every tenant's, as is what a file declares.
  if (can(principal, 'settings.read', isShared(deps) ? scopes.platform : tenant)) {
    parts.add('settings')
  }
  return parts
}
