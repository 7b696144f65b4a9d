// Bodies of the login routes: small, of one shape, and never repeated in an answer.

import { GatewayError } from '../core/error.ts'
import { isObject, parseJson, type JsonObject } from '../core/json.ts'
import { LIMITS } from '../core/limits.ts'
import type { ServerDeps } from './context.ts'
import { readBody, requireJsonType } from './request-body.ts'

const TEXT_CHARS_MAX = 2_000

/** @throws GatewayError `invalid_json`, `invalid_request` naming an unknown member, and what reading a body throws */
export async function bodyObject(
  request: Request,
  deps: ServerDeps,
  members: readonly string[],
): Promise<JsonObject> {
  requireJsonType(request.headers, false)
  const text = await bodyText(request, deps)
  const body = parseJson(text)
  if (!isObject(body)) throw new GatewayError('invalid_json')
  const unknown = Object.keys(body).find((name) => !members.includes(name))
  if (unknown !== undefined) {
    throw invalid(unknown.slice(0, 80), `Known members: ${members.join(', ')}.`)
  }
  return body
}

/** A text that must be there. @throws GatewayError `invalid_request` naming it */
export function textMember(body: JsonObject, name: string): string {
  const value = body[name]
  const isText = typeof value === 'string' && value !== '' && value.length <= TEXT_CHARS_MAX
  if (!isText) throw invalid(name, 'It must be text.')
  return value
}

/** The one value of a form's field. @throws GatewayError `unsupported_media_type`, or `invalid_request` naming the field */
export async function formField(request: Request, deps: ServerDeps, name: string): Promise<string> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-www-form-urlencoded') {
    throw new GatewayError('unsupported_media_type')
  }
  const [value, ...more] = new URLSearchParams(await bodyText(request, deps)).getAll(name)
  if (value === undefined || value === '' || more.length > 0) throw invalid(name, 'It is missing.')
  return value
}

async function bodyText(request: Request, deps: ServerDeps): Promise<string> {
  const { bodyTimeoutMs } = deps.settings()
  const { deadlines } = deps.gateway
  const bytes = await readBody(request, LIMITS.loginBodyBytesMax, bodyTimeoutMs, deadlines)
  return new TextDecoder().decode(bytes)
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', { param, message })
}
