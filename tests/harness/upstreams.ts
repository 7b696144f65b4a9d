// The three fake providers together, as real servers on loopback ports, and the configuration that makes them known to Weir.

import type { Answer, Upstream } from '../../src/testing/upstream.ts'
import { startUpstream } from '../../src/testing/upstream.ts'
import { answerAnthropic } from './upstream-anthropic.ts'
import { answerOllama } from './upstream-ollama.ts'
import { answerOpenai } from './upstream-openai.ts'

export const PROVIDERS = ['openai', 'anthropic', 'ollama'] as const
export type ProviderName = (typeof PROVIDERS)[number]

/** Models whose names real clients and the gateway know something about. */
export const MODELS: Readonly<Record<ProviderName, string>> = {
  openai: 'gpt-4o-mini',
  anthropic: 'claude-sonnet-4-5',
  ollama: 'llama3.2',
}

const ANSWERS: Readonly<Record<ProviderName, Answer>> = {
  openai: (request) => answerOpenai(request, true),
  anthropic: answerAnthropic,
  ollama: answerOllama,
}

export interface Upstreams {
  readonly servers: Readonly<Record<ProviderName, Upstream>>
  /** `providers` of a configuration, by the names of `PROVIDERS`. */
  readonly providers: object[]
  close(): Promise<void>
}

export const PROVIDER_KEYS: Readonly<Record<ProviderName, string>> = {
  openai: 'sk-upstream-openai-secret-0001',
  anthropic: 'sk-ant-upstream-secret-0002',
  ollama: 'ollama-upstream-secret-0003',
}

/** Starts all three. `settings` are added to each provider's configuration. */
export function startUpstreams(settings: object = {}): Upstreams {
  const servers = {
    openai: startUpstream(ANSWERS.openai),
    anthropic: startUpstream(ANSWERS.anthropic),
    ollama: startUpstream(ANSWERS.ollama),
  }
  return {
    servers,
    providers: PROVIDERS.map((name) => ({
      id: name,
      type: name,
      base_url: name === 'openai' ? `${servers[name].url}/v1` : servers[name].url,
      keys: [PROVIDER_KEYS[name]],
      ...settings,
    })),
    async close() {
      await Promise.all(Object.values(servers).map((server) => server.close()))
    },
  }
}
