// The intermediate representation of embeddings: three fields in, vectors out.

import type { Extras } from './request.ts'
import type { Usage } from './usage.ts'

export interface EmbeddingRequest {
  model: string
  /** Texts, or token lists where the client has tokenised itself (OpenAI only). */
  input: (string | number[])[]
  /** The client sent one value, not a list: some dialects answer in another shape then. */
  single: boolean
  dimensions?: number
  /** How the client wants vectors: OpenAI SDKs ask for base64 unless told otherwise. */
  encoding?: 'float' | 'base64'
  user?: string
  /** Asked through Ollama's older `/api/embeddings`, whose request and answer have shapes of their own. */
  legacy?: boolean
  extras?: Extras
}

export interface EmbeddingResponse {
  model: string
  vectors: number[][]
  usage?: Usage
  extras?: Extras
}

/** Little-endian float32 bytes in base64: OpenAI's `encoding_format: base64`. */
export function vectorToBase64(vector: readonly number[]): string {
  return Buffer.from(new Float32Array(vector).buffer).toString('base64')
}

/** The inverse of `vectorToBase64`; undefined when the length is not a multiple of four bytes. */
export function vectorFromBase64(text: string): number[] | undefined {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined
  const copy = new Uint8Array(bytes).buffer
  return Array.from(new Float32Array(copy))
}
