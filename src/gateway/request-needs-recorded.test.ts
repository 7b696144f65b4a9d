// The needs of recorded requests, found in the client's body, held against the same requests decoded: two readers that know nothing
// of each other must find the same pictures, tools and schemas.

import { expect, test } from 'bun:test'
import { exchanges } from '../dialects/conformance-recordings.ts'
import { GatewayError } from '../core/error.ts'
import type { Block, ChatRequest } from '../core/ir/request.ts'
import { asObject, isObject } from '../core/json.ts'
import { haveRecordings } from '../testing/recordings.ts'
import { certainTokens, estimateInputTokens } from './estimate.ts'
import { RequestNeeds } from './request-needs.ts'

const available = haveRecordings('needs of recorded requests')

function hasImage(blocks: readonly Block[]): boolean {
  return blocks.some(
    (block) =>
      block.type === 'image' ||
      (block.type === 'tool-result' && hasImage(block.content)) ||
      // Amazon's pictures by reference.
      (block.type === 'opaque' && isObject(asObject(block.value)?.['image'])),
  )
}

test.skipIf(!available)('bodies and their decoded forms agree', () => {
  const differ: string[] = []
  const found = { pictures: 0, tools: 0, schemas: 0, compared: 0 }
  for (const { dialect, hints, kind, recording } of exchanges()) {
    const body = asObject(recording.request.body)
    const codec = kind === 'embedding' ? undefined : dialect[kind]
    if (body === undefined || codec === undefined) continue
    let decoded: ChatRequest
    try {
      decoded = codec.decodeRequest(body, hints)
    } catch (error) {
      if (error instanceof GatewayError) continue
      throw error
    }
    const bytes = Buffer.byteLength(JSON.stringify(body))
    const needs = new RequestNeeds({
      dialect: dialect.name,
      operation: kind,
      bytes,
      body: () => body,
    })
    const vision = decoded.messages.some(({ content }) => hasImage(content))
    const tools = (decoded.tools?.length ?? 0) > 0
    const jsonSchema = decoded.responseFormat?.type === 'json-schema'
    if (needs.vision !== vision) differ.push(`${recording.id}: vision ${needs.vision}`)
    if (needs.tools !== tools) differ.push(`${recording.id}: tools ${needs.tools}`)
    if (needs.jsonSchema !== jsonSchema) differ.push(`${recording.id}: schema ${needs.jsonSchema}`)
    const answer = decoded.maxTokens ?? 0
    if (needs.tokensMax < needs.tokensMin) differ.push(`${recording.id}: most below least`)
    // Never more than the estimate that guards a context by itself, in which media and frames are counted besides.
    if (needs.tokensMin - answer > certainTokens(estimateInputTokens(decoded)) * 1.3 + 50) {
      differ.push(`${recording.id}: ${needs.tokensMin - answer} tokens at least`)
    }
    found.compared += 1
    if (vision) found.pictures += 1
    if (tools) found.tools += 1
    if (jsonSchema) found.schemas += 1
  }
  expect(differ).toEqual([])
  expect(found.compared).toBeGreaterThan(200)
  expect(Math.min(found.pictures, found.tools, found.schemas)).toBeGreaterThan(5)
})
