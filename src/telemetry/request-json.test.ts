// The outer shape of a recorded request: its members are a promise to programs, so each is named here.

import { expect, test } from 'bun:test'
import type { Outcome } from '../core/outcome.ts'
import { requestJson } from './request-json.ts'

const BARE: Outcome = {
  logId: '019a1b2c-0000-7000-8000-000000000001',
  timestampMs: 1_700_000_000_123,
  tenantId: 'default',
  requestId: 'req-1',
  direction: 'inbound',
  endpoint: '/v1/chat/completions',
  clientFormat: 'openai-chat',
  operation: 'chat',
  stream: false,
  status: 401,
  losses: [],
  attempts: [],
  totalMs: 0,
  requestBytes: 0,
  responseBytes: 0,
}

test('what is not known is null, and every stable member is there', () => {
  expect(JSON.parse(JSON.stringify(requestJson(BARE)))).toEqual({
    log_id: BARE.logId,
    timestamp_utc: '2023-11-14T22:13:20.123Z',
    direction: 'inbound',
    api_key_hash: null,
    endpoint: '/v1/chat/completions',
    request: { model: null, stream: false, bytes: 0 },
    response: { status: 401, bytes: 0 },
    timing: { total_ms: 0, provider_ms: null, first_token_ms: null },
    usage: {
      input_tokens: null,
      cache_read_tokens: null,
      cache_write_5m_tokens: null,
      cache_write_1h_tokens: null,
      output_tokens: null,
      reasoning_tokens: null,
      input_audio_tokens: null,
      output_audio_tokens: null,
      estimated: false,
    },
    provider: { name: null, model_resolved: null },
    metadata: { trace_id: null, request_id: 'req-1' },
    status: 401,
    cost_usd: null,
    losses: [],
    attempts: [],
    route: null,
    guardrails: null,
    cache: null,
    client_format: 'openai-chat',
    mode: null,
  })
})

test('zero, the empty text and unknown stay apart', () => {
  const json = requestJson({
    ...BARE,
    usage: { inputTokens: 0, outputTokens: 0, estimated: true },
    costNanoUsd: 0,
    providerMs: 0,
    firstTokenMs: 0,
    finish: '',
    requestBody: '',
    responseBody: '',
    errorKind: 'internal',
  })
  expect(json.cost_usd).toBe(0)
  expect(json.usage).toMatchObject({
    input_tokens: 0,
    output_tokens: 0,
    cache_read_tokens: null,
    estimated: true,
  })
  expect(json.timing).toEqual({ total_ms: 0, provider_ms: 0, first_token_ms: 0 })
  expect(json.request).toEqual({ model: null, stream: false, bytes: 0, body: '' })
  expect(json.response).toEqual({
    status: 401,
    bytes: 0,
    finish: '',
    error: { kind: 'internal', message: null },
    body: '',
  })
})

test('a whole answer: attempts and losses in full, money in dollars', () => {
  const loss = { feature: 'top-k', path: 'sampling.topK', action: 'dropped' } as const
  const json = requestJson({
    ...BARE,
    status: 200,
    apiKeyHash: 'ab12',
    traceId: 'trace',
    modelRequested: 'fast',
    modelResolved: 'gpt-5-mini',
    providerId: 'openai',
    mode: 'translate',
    costNanoUsd: 1_234_500,
    losses: [loss],
    attempts: [
      { providerId: 'a', model: 'm', mode: 'relay', error: 'upstream_timeout', durationMs: 5 },
      {
        as: 'retry',
        providerId: 'openai',
        model: 'gpt-5-mini',
        keyHint: 'wxyz',
        mode: 'translate',
        status: 200,
        durationMs: 7,
      },
    ],
  })
  expect(json.cost_usd).toBe(0.0012345)
  expect(json.provider).toEqual({ name: 'openai', model_resolved: 'gpt-5-mini' })
  expect(json.metadata).toEqual({ trace_id: 'trace', request_id: 'req-1' })
  expect(json.losses).toEqual([loss])
  expect(json.attempts).toEqual([
    {
      provider: 'a',
      model: 'm',
      key_hint: null,
      mode: 'relay',
      status: null,
      error: 'upstream_timeout',
      as: null,
      duration_ms: 5,
    },
    {
      provider: 'openai',
      model: 'gpt-5-mini',
      key_hint: 'wxyz',
      mode: 'translate',
      status: 200,
      error: null,
      as: 'retry',
      duration_ms: 7,
    },
  ])
})

test('a decision: each candidate with its place, or without one', () => {
  const candidates = [
    { providerId: 'a', model: 'm', rank: 0, reason: 'its turn' },
    { providerId: 'b', model: 'm', reason: 'declared without vision' },
  ]
  const json = requestJson({
    ...BARE,
    route: [
      { model: 'fast', by: 'round_robin', candidates },
      { model: 'long', by: 'weighted', fallbackFor: 'context_length', candidates: [] },
    ],
  })
  expect(json.route).toEqual([
    {
      model: 'fast',
      by: 'round_robin',
      fallback_for: null,
      candidates: [
        { provider: 'a', model: 'm', rank: 0, reason: 'its turn' },
        { provider: 'b', model: 'm', rank: null, reason: 'declared without vision' },
      ],
    },
    { model: 'long', by: 'weighted', fallback_for: 'context_length', candidates: [] },
  ])
})
