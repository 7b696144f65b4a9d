// The built-in provider that keeps the program useful offline: scripted models answered inside the process by
// `MockTransport`. Its address can never be reached over a network, so a wrong wiring fails instead of leaking.

import type { ProviderKind } from './provider.ts'
import { openaiDialects, openaiPath, readOpenaiModels, trimBase } from './shared.ts'

/** A name that no resolver may ever answer (RFC 2606). */
export const MOCK_BASE_URL = 'http://mock.invalid/v1'

export const mock: ProviderKind = {
  type: 'mock',
  defaultBaseUrl: MOCK_BASE_URL,
  needsKey: false,
  dialects: (_provider, operation) => openaiDialects(operation),
  endpoint: ({ provider, dialect }) => `${trimBase(provider.baseUrl)}${openaiPath(dialect)}`,
  authorize: () => ({}),
  quirks: () => ({ reasoningField: 'reasoning_content' }),
  models: {
    url: (provider) => `${trimBase(provider.baseUrl)}/models`,
    read: readOpenaiModels,
  },
}
