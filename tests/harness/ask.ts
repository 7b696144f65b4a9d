// A bare client of each protocol for requests that no official client would send, and what every answer to a bad one must be:
// an error in the protocol's own form, without a trace of the program, one log row, and a process that goes on.

import { expect } from 'bun:test'
import { isObject, parseJson, type JsonObject } from '../../src/core/json.ts'
import type { LogRow, Weir } from './weir.ts'

export const DIALECTS = ['openai', 'anthropic', 'ollama'] as const
export type ClientDialect = (typeof DIALECTS)[number]

export const PATHS: Readonly<Record<ClientDialect, string>> = {
  openai: '/v1/chat/completions',
  anthropic: '/v1/messages',
  ollama: '/api/chat',
}

/** The least request of a protocol. */
export function bodyOf(
  dialect: ClientDialect,
  model: string,
  text = 'hi',
  stream = false,
): JsonObject {
  const body = { model, messages: [{ role: 'user', content: text }], stream }
  return dialect === 'anthropic' ? { ...body, max_tokens: 100 } : body
}

export interface Asked {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly requestId: string
}

let counter = 0

/** An id for one request, which its log row is found by. */
export function nextRequestId(): string {
  counter += 1
  return `bad-${process.pid}-${counter}`
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  readonly method?: string
  readonly signal?: AbortSignal
}

/** Sends a body as it is (an object as JSON) and reads the whole answer. */
export async function ask(
  weir: Weir,
  dialect: ClientDialect,
  body: JsonObject | string | Uint8Array | ReadableStream<Uint8Array>,
  options: AskOptions = {},
): Promise<Asked> {
  const requestId = nextRequestId()
  const response = await fetch(`${weir.url}${options.path ?? PATHS[dialect]}`, {
    method: options.method ?? 'POST',
    headers: {
      'content-type': 'application/json',
      'x-request-id': requestId,
      ...(dialect === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
      ...options.headers,
    },
    body: (isPlain(body) ? JSON.stringify(body) : body) as NonNullable<RequestInit['body']>,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    redirect: 'manual',
    keepalive: false,
  })
  return {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    requestId,
  }
}

function isPlain(body: unknown): body is JsonObject {
  return (
    isObject(body as JsonObject) &&
    !(body instanceof Uint8Array) &&
    !(body instanceof ReadableStream)
  )
}

/** Frames of a stack, and paths and hosts of this machine. */
const TRACES =
  /\bat (?:async )?[\w.<>]+ \(|\.(?:ts|js):\d+|\/root\/|\/home\/|\/\$bunfs\/|node_modules|127\.0\.0\.1/

export interface Due {
  readonly status: number
  /** OpenAI `code`. */
  readonly code: string
  /** Anthropic `type`. */
  readonly type: string
  /** Anthropic's status where it differs. */
  readonly anthropicStatus?: number
}

/** The answer is an error as its protocol says it, with nothing beside it. */
export function expectError(answer: Asked, dialect: ClientDialect, due: Due): void {
  const { status, headers, text, requestId } = answer
  expect(text).not.toMatch(TRACES)
  expect(status).toBe(dialect === 'anthropic' ? (due.anthropicStatus ?? due.status) : due.status)
  expect(headers.get('content-type')).toStartWith('application/json')
  expect(headers.get('x-request-id')).toBe(requestId)
  expect(['true', 'false']).toContain(headers.get('x-should-retry') ?? '')
  expectErrorBody(parseJson(text), dialect, due, requestId)
}

function expectErrorBody(body: unknown, dialect: ClientDialect, due: Due, requestId: string): void {
  switch (dialect) {
    case 'openai': {
      const { error } = body as { error: JsonObject }
      expect(Object.keys(body as object)).toEqual(['error'])
      expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type'])
      expect(error['message']).toBeString()
      expect(error['type']).toBeString()
      expect(error['code']).toBe(due.code)
      return
    }
    case 'anthropic':
      expect(body).toEqual({
        type: 'error',
        error: { type: due.type, message: expect.any(String) },
        request_id: requestId,
      })
      return
    case 'ollama':
      expect(body).toEqual({ error: expect.any(String) })
  }
}

/** A stream that had begun ends with an error as its protocol says it, and with no sign of success. */
export function expectErrorInStream(answer: Asked, dialect: ClientDialect): void {
  const { text } = answer
  expect(answer.status).toBe(200)
  expect(text).not.toMatch(TRACES)
  switch (dialect) {
    case 'openai': {
      const last = text.trim().split('\n\n').at(-1) ?? ''
      expect(parseJson(last.replace(/^data: /, ''))).toMatchObject({
        error: { message: expect.any(String) },
      })
      expect(text).not.toContain('[DONE]')
      return
    }
    case 'anthropic': {
      const last = text.trim().split('\n\n').at(-1) ?? ''
      expect(last).toStartWith('event: error\ndata: ')
      expect(parseJson(last.replace('event: error\ndata: ', ''))).toMatchObject({ type: 'error' })
      expect(text).not.toContain('message_stop')
      return
    }
    case 'ollama': {
      const last = text.trim().split('\n').at(-1) ?? ''
      expect(parseJson(last)).toEqual({ error: expect.any(String) })
      expect(text).not.toContain('"done":true')
    }
  }
}

/** Exactly one row, with that status and kind of error. */
export async function expectRow(
  weir: Weir,
  requestId: string,
  status: number,
  errorKind: string | null,
): Promise<LogRow> {
  const row = await weir.row(requestId)
  expect({ status: row['status'], errorKind: row['error_kind'] }).toEqual({ status, errorKind })
  return row
}

/** It still answers, and has never printed a stack. */
export async function expectHealthy(
  weir: Weir,
  headers: Record<string, string> = {},
): Promise<void> {
  const answer = await ask(weir, 'openai', bodyOf('openai', 'mock/echo'), { headers })
  expect(answer.status).toBe(200)
  expect(weir.stderr()).not.toMatch(/internal error|request failed outside/)
}
