// The lines for coding tools and editors, as `docs/clients.md` has them and the end-to-end tests of real agents use them.

import { KEY_PLACEHOLDER as KEY, lines, quoted, shellWord, type SnippetTool } from './snippet.ts'

const claudeCode: SnippetTool = {
  id: 'claude-code',
  title: 'Claude Code',
  group: 'Coding tools',
  parts: ({ baseUrl, model }) => [
    {
      where: 'A terminal, in your project',
      language: 'sh',
      text: lines(
        `export ANTHROPIC_BASE_URL=${shellWord(baseUrl)}`,
        `export ANTHROPIC_AUTH_TOKEN=${KEY}`,
        `claude --model ${shellWord(model)}`,
      ),
    },
  ],
}

const codex: SnippetTool = {
  id: 'codex',
  title: 'Codex',
  group: 'Coding tools',
  note: 'env_key names the variable that holds the key; leave it out where none is needed.',
  parts: ({ baseUrl, model }) => [
    {
      where: '~/.codex/config.toml',
      language: 'toml',
      text: lines(
        'model_provider = "weir"',
        `model = ${quoted(model)}`,
        '',
        '[model_providers.weir]',
        'name = "Weir"',
        `base_url = ${quoted(`${baseUrl}/v1`)}`,
        'wire_api = "responses"',
        'env_key = "WEIR_KEY"',
      ),
    },
    {
      where: 'A terminal, in your project',
      language: 'sh',
      text: lines(`export WEIR_KEY=${KEY}`, 'codex'),
    },
  ],
}

const continueDev: SnippetTool = {
  id: 'continue',
  title: 'Continue',
  group: 'Coding tools',
  parts: ({ baseUrl, model }) => [
    {
      where: '~/.continue/config.yaml',
      language: 'yaml',
      text: lines(
        'name: weir',
        'version: 1.0.0',
        'schema: v1',
        'models:',
        '  - name: Weir',
        '    provider: openai',
        `    model: ${quoted(model)}`,
        `    apiBase: ${quoted(`${baseUrl}/v1`)}`,
        `    apiKey: ${quoted(KEY)}`,
      ),
    },
  ],
}

const aider: SnippetTool = {
  id: 'aider',
  title: 'aider',
  group: 'Coding tools',
  note: 'The first openai/ is aider’s word for the protocol; what follows is Weir’s model.',
  parts: ({ baseUrl, model }) => [
    {
      where: 'A terminal, in your project',
      language: 'sh',
      text: lines(
        `export OPENAI_API_BASE=${shellWord(`${baseUrl}/v1`)}`,
        `export OPENAI_API_KEY=${KEY}`,
        `aider --model ${shellWord(`openai/${model}`)}`,
      ),
    },
  ],
}

const opencode: SnippetTool = {
  id: 'opencode',
  title: 'opencode',
  group: 'Coding tools',
  parts: ({ baseUrl, model }) => [
    {
      where: '~/.config/opencode/opencode.json',
      language: 'json',
      text: `${JSON.stringify(
        {
          provider: {
            weir: {
              npm: '@ai-sdk/openai-compatible',
              options: { baseURL: `${baseUrl}/v1`, apiKey: KEY },
              models: { [model]: { name: model, tool_call: true } },
            },
          },
        },
        undefined,
        2,
      )}\n`,
    },
    {
      where: 'A terminal, in your project',
      language: 'sh',
      text: lines(`opencode --model ${shellWord(`weir/${model}`)}`),
    },
  ],
}

const vscode: SnippetTool = {
  id: 'vscode',
  title: 'VS Code (Copilot Chat)',
  group: 'Coding tools',
  note: 'Then: Manage models → Ollama. Every model that Weir lists appears there.',
  parts: ({ baseUrl }) => [
    {
      where: 'settings.json',
      language: 'json',
      text: `${JSON.stringify(
        { 'github.copilot.chat.byok.ollamaEndpoint': `${baseUrl}/k/${KEY}` },
        undefined,
        2,
      )}\n`,
    },
  ],
}

const zed: SnippetTool = {
  id: 'zed',
  title: 'Zed',
  group: 'Coding tools',
  note: 'max_tokens is what the model takes at once. Zed reads the key from WEIR_API_KEY, or asks for it in its settings and keeps it in the keychain.',
  parts: ({ baseUrl, model }) => [
    {
      where: 'settings.json',
      language: 'json',
      text: `${JSON.stringify(
        {
          language_models: {
            openai_compatible: {
              weir: {
                api_url: `${baseUrl}/v1`,
                available_models: [{ name: model, display_name: model, max_tokens: 32_000 }],
              },
            },
          },
          agent: { default_model: { provider: 'weir', model } },
        },
        undefined,
        2,
      )}\n`,
    },
    {
      where: 'A terminal',
      language: 'sh',
      text: lines(`export WEIR_API_KEY=${KEY}`, 'zed'),
    },
  ],
}

const llm: SnippetTool = {
  id: 'llm',
  title: 'llm',
  group: 'Command line',
  parts: ({ baseUrl, model }) => [
    {
      where: 'extra-openai-models.yaml, beside the path that `llm logs path` tells',
      language: 'yaml',
      text: lines(
        '- model_id: weir',
        `  model_name: ${quoted(model)}`,
        `  api_base: ${quoted(`${baseUrl}/v1`)}`,
        '  api_key_name: weir',
        '  supports_tools: true',
        '  supports_schema: true',
      ),
    },
    {
      where: 'A terminal',
      language: 'sh',
      text: lines(`llm keys set weir --value ${KEY}`, "llm -m weir 'Say hello.'"),
    },
  ],
}

/** In the order they are offered. */
export const CODING_TOOLS: readonly SnippetTool[] = [
  claudeCode,
  codex,
  continueDev,
  aider,
  opencode,
  vscode,
  zed,
  llm,
]
