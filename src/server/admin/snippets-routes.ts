// `GET /admin/snippets`: the exact lines that let a tool ask this server. The address is the one that is configured, else the one it was asked
// at, which the host guard has judged; no key is ever in it but a placeholder.

import { Elysia } from 'elysia'
import { GatewayError } from '../../core/error.ts'
import type { ServerDeps } from '../context.ts'
import { isLoopbackName } from '../host-guard.ts'
import { CODING_TOOLS } from '../snippets/coding-tools.ts'
import { LIBRARIES } from '../snippets/libraries.ts'
import { KEY_PLACEHOLDER, type SnippetTool } from '../snippets/snippet.ts'
import { adminRoutes, nullable, oneOf, strict, t } from './contract.ts'

/** Where no model can be named: words that say so. */
const ANY_MODEL = 'YOUR_MODEL'

const TOOLS: readonly SnippetTool[] = [...CODING_TOOLS, ...LIBRARIES]
const IDS = TOOLS.map(({ id }) => id)

const SnippetSchema = t.Object(
  {
    tool: t.String(),
    title: t.String(),
    group: oneOf(['Coding tools', 'Libraries', 'Command line']),
    note: nullable(t.String()),
    parts: t.Array(
      t.Object({
        where: t.String({ description: 'A file’s name, or words for where the lines go.' }),
        language: t.String(),
        text: t.String(),
      }),
    ),
  },
  { $id: 'Snippet' },
)

export function snippetsRoutes(deps: ServerDeps) {
  const on = adminRoutes(deps)
  return new Elysia({ name: 'snippets-routes' }).get(
    '/admin/snippets',
    ...on(
      'GET',
      '/admin/snippets',
      {
        summary: 'Lines to paste into tools',
        description:
          'How a tool is told of this server, for one tool or for all. Put your key in place of `key_placeholder`.',
        tag: 'Me',
        query: strict({
          tool: t.Optional(oneOf(IDS)),
          model: t.Optional(
            t.String({
              minLength: 1,
              maxLength: 300,
              pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]+$',
              wanted: 'Must be a name of a model, without control characters.',
              description: 'As a client asks for it; unless given, the first that they may ask.',
            }),
          ),
        }),
        answers: {
          200: t.Object({
            data: t.Array(SnippetSchema),
            next_cursor: t.Null(),
            total: t.Integer(),
            base_url: t.String(),
            model: t.String(),
            key_placeholder: t.String(),
            key_needed: t.Boolean({
              description: 'False where whoever asks from this machine needs none.',
            }),
            hint: nullable(t.String(), { description: 'What is likely wrong with the address.' }),
          }),
        },
      },
      ({ principal, query, reply, request, tenantId }) => {
        const { directory, snapshot } = deps.gateway
        const [first] = directory.models(snapshot().of(tenantId), { ...principal, tenantId })
        const model = query.model ?? first?.id ?? ANY_MODEL
        const baseUrl = baseUrlFor(request, deps)
        const tools = TOOLS.filter(({ id }) => (query.tool ?? id) === id)
        return reply({
          data: tools.map((tool) => ({
            tool: tool.id,
            title: tool.title,
            group: tool.group,
            note: tool.note ?? null,
            parts: tool.parts({ baseUrl, model }).map((part) => ({ ...part })),
          })),
          next_cursor: null,
          total: tools.length,
          base_url: baseUrl,
          model,
          key_placeholder: KEY_PLACEHOLDER,
          key_needed: !isOpen(baseUrl, deps),
          hint: hintFor(baseUrl),
        })
      },
    ),
  )
}

/** Without a slash at its end. @throws GatewayError `invalid_host` for what no tool could be told */
function baseUrlFor(request: Request, { models }: Pick<ServerDeps, 'models'>): string {
  const url = URL.parse(models.publicUrl() ?? request.url)
  if (url === null) throw new GatewayError('invalid_host')
  const path = models.publicUrl() === undefined ? '' : url.pathname.replace(/\/+$/, '')
  return `${url.origin}${path}`
}

/** Whether callers of this machine are let in without a key. */
function isOpen(baseUrl: string, { authentication }: Pick<ServerDeps, 'authentication'>): boolean {
  return authentication.anonymous() === 'loopback' && isLoopbackName(new URL(baseUrl).hostname)
}

function hintFor(baseUrl: string): string | null {
  const { hostname, protocol } = new URL(baseUrl)
  if (protocol === 'https:' || isLoopbackName(hostname)) return null
  return 'Keys would go over the network in clear: put TLS in front of Weir, and set server.public_url to the address that people use.'
}
