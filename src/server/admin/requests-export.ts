// The request log as JSON lines: every request that fits, newest first, with its bodies where they are asked for and kept. It is read page by
// page as the client takes it, so neither end ever holds more than a page.

import { contentDamaged } from '../../core/content.ts'
import { LIMITS } from '../../core/limits.ts'
import { GatewayError } from '../../core/error.ts'
import { can, scopes } from '../../core/permission.ts'
import type { Principal } from '../../core/principal.ts'
import type { StoredRequest } from '../../core/ports.ts'
import type {
  RequestPage,
  RequestPosition,
  RequestSearchFilter,
} from '../../core/ports-requests.ts'
import type { ServerDeps } from '../context.ts'
import { respond } from '../respond.ts'
import { ALL_TENANTS } from './contract.ts'
import type { Names } from './names.ts'
import { contentJson, detailJson } from './requests-json.ts'

/** So much is handed to the client at once. */
const PIECE_CHARS = 65_536

export interface RequestExport {
  readonly filter: RequestSearchFilter
  readonly withContent: boolean
  names(): Names
}

/** @throws GatewayError `permission` for whoever may not read bodies there */
export function requireContent(principal: Principal, tenantId: string): void {
  const where = tenantId === ALL_TENANTS ? scopes.platform : scopes.tenant(tenantId)
  if (!can(principal, 'request.content.read', where)) throw new GatewayError('permission')
}

/** @throws GatewayError where the first page cannot be read */
export async function exportResponse(
  request: Request,
  { filter, names, withContent }: RequestExport,
  deps: Pick<ServerDeps, 'requests' | 'content'>,
): Promise<Response> {
  const encoder = new TextEncoder()
  const pageAfter = (after: RequestPosition | undefined) =>
    deps.requests.search(filter, after, LIMITS.exportPageRows)
  // What keeps it from beginning is told by the status; later there is only the end of the stream.
  const first = await pageAfter(undefined)
  const line = (row: StoredRequest) => lineOf(row, names(), withContent, deps)
  const lines = linesFrom(first, pageAfter, line)
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // With bodies a page may be large: no more of it is made ready than is taken.
        let text = ''
        while (text.length < PIECE_CHARS) {
          const next = await lines.next()
          if (next.done === true) {
            if (text !== '') controller.enqueue(encoder.encode(text))
            controller.close()
            return
          }
          text += next.value
        }
        controller.enqueue(encoder.encode(text))
      },
      async cancel() {
        await lines.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return respond(request, {
    status: 200,
    headers: {
      'content-type': 'application/jsonl; charset=utf-8',
      'content-disposition': 'attachment; filename="requests.jsonl"',
      'cache-control': 'no-store',
    },
    body,
  })
}

async function* linesFrom(
  first: RequestPage,
  pageAfter: (after: RequestPosition) => Promise<RequestPage>,
  line: (row: StoredRequest) => Promise<string>,
): AsyncGenerator<string, undefined> {
  for (let page = first; ; page = await pageAfter(page.next)) {
    for (const row of page.rows) yield await line(row)
    if (page.next === undefined) return undefined
  }
}

async function lineOf(
  row: StoredRequest,
  names: Names,
  withContent: boolean,
  deps: Pick<ServerDeps, 'requests' | 'content'>,
): Promise<string> {
  const json = detailJson(row, names)
  if (withContent) return `${JSON.stringify({ ...json, ...(await contentOf(row, deps)) })}\n`
  // A page is read without bodies: whether there are any is not known.
  const { has_content: _unknown, ...rest } = json
  return `${JSON.stringify(rest)}\n`
}

/** One that cannot be had now is told as such: the other lines are worth having. */
async function contentOf(
  { outcome }: StoredRequest,
  deps: Pick<ServerDeps, 'requests' | 'content'>,
): Promise<object> {
  const stored = await deps.requests.find(outcome.tenantId, outcome.logId)
  if (stored === undefined) return { has_content: false }
  try {
    const { log_id: _same, ...bodies } = contentJson(await withObject(stored, deps))
    const has_content = Object.values(bodies).some((body) => body !== null)
    return { has_content, ...(has_content ? { content: bodies } : {}) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    return { has_content: true, content_error: error.code }
  }
}

/** The request with its bodies, fetched from where they lie. @throws GatewayError `content_unavailable`, or 404 where they are gone or damaged */
export async function withObject(
  stored: StoredRequest,
  deps: Pick<ServerDeps, 'content'>,
): Promise<StoredRequest> {
  if (stored.isContentDamaged === true) throw contentDamaged()
  if (stored.objectKey === undefined) return stored
  const bodies = await deps.content.objects.bodiesOf(stored.objectKey)
  return { ...stored, outcome: { ...stored.outcome, ...bodies } }
}
