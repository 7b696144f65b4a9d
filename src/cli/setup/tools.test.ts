// Where each tool has its settings on each platform, and what stands in them afterwards: worked out for machines that are not this one.

import { describe, expect, test } from 'bun:test'
import type { JsonValue } from '../../core/json.ts'
import { edited } from './change.ts'
import { unifiedDiff, withoutSecrets } from './diff.ts'
import type { Machine, SetupFacts, SetupTool } from './tool.ts'
import { FORMATS, SETUP_TOOLS } from './tools.ts'

type Environment = Readonly<Record<string, string>>

function machine(
  platform: NodeJS.Platform,
  environment: Environment = {},
  present: readonly string[] = [],
): Machine {
  const home = { win32: 'C:\\Users\\ada', darwin: '/Users/ada' }[platform as string] ?? '/home/ada'
  const workingFolder = platform === 'win32' ? 'C:\\work' : '/work'
  return {
    surroundings: { platform, home, workingFolder, environment },
    exists: (path) => present.includes(path),
    which: (command) => present.find((path) => path === `bin:${command}`),
  }
}

const KEY = 'weir_0123456789abcdefghijABCDEFGHIJ0123456789XYZabc'
const FACTS: SetupFacts = {
  baseUrl: 'http://127.0.0.1:9347',
  model: 'team/fast',
  smallModel: 'team/tiny',
  keyFile: '/data/setup/tool.key',
}

function tool(id: string): SetupTool {
  const found = SETUP_TOOLS.find((each) => each.id === id)
  if (found === undefined) throw new Error(`no tool ${id}`)
  return found
}

function paths(id: string, here: Machine): string[] {
  return tool(id)
    .files(FACTS, here)
    .map(({ path }) => path)
}

/** What each file of a tool would say where there was none. */
function written(
  id: string,
  facts: SetupFacts,
  here = machine('linux'),
): Record<string, JsonValue> {
  const files = tool(id).files(facts, here)
  return Object.fromEntries(
    files.map(({ changes, format, path }) => {
      const { text } = edited(FORMATS[format], '', changes)
      return [path, FORMATS[format].parse(text) ?? null]
    }),
  )
}

const ROAMING = 'C:\\Users\\ada\\AppData\\Roaming'
const LIBRARY = '/Users/ada/Library/Application Support'

test.each([
  ['claude-code', 'linux', {}, ['/home/ada/.claude/settings.json']],
  ['claude-code', 'darwin', {}, ['/Users/ada/.claude/settings.json']],
  ['claude-code', 'win32', {}, ['C:\\Users\\ada\\.claude\\settings.json']],
  ['claude-code', 'linux', { CLAUDE_CONFIG_DIR: '~/cc' }, ['/home/ada/cc/settings.json']],
  ['codex', 'win32', {}, ['C:\\Users\\ada\\.codex\\config.toml']],
  ['codex', 'linux', { CODEX_HOME: 'here' }, ['/work/here/config.toml']],
  ['continue', 'darwin', {}, ['/Users/ada/.continue/config.yaml']],
  ['continue', 'linux', { CONTINUE_GLOBAL_DIR: '/c' }, ['/c/config.yaml']],
  ['aider', 'win32', {}, ['C:\\Users\\ada\\.aider.conf.yml']],
  // The same folder on every platform: it asks for XDG's.
  ['opencode', 'win32', {}, ['C:\\Users\\ada\\.config\\opencode\\opencode.json']],
  ['opencode', 'darwin', {}, ['/Users/ada/.config/opencode/opencode.json']],
  ['opencode', 'linux', { XDG_CONFIG_HOME: '/x' }, ['/x/opencode/opencode.json']],
  ['opencode', 'linux', { OPENCODE_CONFIG: '/o/mine.jsonc' }, ['/o/mine.jsonc']],
  ['opencode', 'linux', { OPENCODE_CONFIG_DIR: '/o' }, ['/o/opencode.json']],
  [
    'vscode',
    'win32',
    { APPDATA: 'D:\\roam' },
    ['D:\\roam\\Code\\User\\settings.json', 'D:\\roam\\Code\\User\\chatLanguageModels.json'],
  ],
  [
    'vscode',
    'darwin',
    {},
    [`${LIBRARY}/Code/User/settings.json`, `${LIBRARY}/Code/User/chatLanguageModels.json`],
  ],
  [
    'vscode',
    'linux',
    { VSCODE_PORTABLE: '/p' },
    ['/p/user-data/User/settings.json', '/p/user-data/User/chatLanguageModels.json'],
  ],
  ['zed', 'win32', {}, [`${ROAMING}\\Zed\\settings.json`]],
  ['zed', 'darwin', { XDG_CONFIG_HOME: '/x' }, ['/Users/ada/.config/zed/settings.json']],
  ['zed', 'linux', { XDG_CONFIG_HOME: '/x' }, ['/x/zed/settings.json']],
  ['zed', 'linux', { FLATPAK_XDG_CONFIG_HOME: '/f' }, ['/f/zed/settings.json']],
  [
    'llm',
    'win32',
    { APPDATA: ROAMING },
    [
      `${ROAMING}\\io.datasette.llm\\keys.json`,
      `${ROAMING}\\io.datasette.llm\\extra-openai-models.yaml`,
    ],
  ],
  [
    'llm',
    'darwin',
    {},
    [
      `${LIBRARY}/io.datasette.llm/keys.json`,
      `${LIBRARY}/io.datasette.llm/extra-openai-models.yaml`,
    ],
  ],
  ['llm', 'linux', { LLM_USER_PATH: '/l' }, ['/l/keys.json', '/l/extra-openai-models.yaml']],
] as const)('%s on %s with %j', (id, platform, environment, wanted) => {
  expect(paths(id, machine(platform, environment))).toEqual([...wanted])
})

test('every tool has a place on every platform, and is found by it or by its command', () => {
  for (const platform of ['linux', 'darwin', 'win32'] as const) {
    for (const each of SETUP_TOOLS) {
      const here = machine(platform)
      expect(each.find(here)).toBeUndefined()
      const all = each.files({ ...FACTS, key: KEY }, here).map(({ path }) => path)
      expect(all.length).toBeGreaterThan(0)
      for (const path of all)
        expect(path).toMatch(platform === 'win32' ? /^(?:C:\\|\/data)/ : /^\//)
    }
  }
  expect(tool('vscode').find(machine('linux', {}, ['bin:codium']))).toBe('bin:codium')
  expect(tool('codex').find(machine('linux', {}, ['/home/ada/.codex']))).toBe('/home/ada/.codex')
})

test('of several files the one that counts is taken', () => {
  const both = ['opencode.json', 'opencode.jsonc'].map(
    (name) => `/home/ada/.config/opencode/${name}`,
  )
  expect(paths('opencode', machine('linux', {}, both))).toEqual([both[1]!])
  expect(paths('opencode', machine('linux', {}, both.slice(0, 1)))).toEqual([both[0]!])
  const editions = ['Code - Insiders', 'VSCodium'].map((name) => `/home/ada/.config/${name}/User`)
  expect(paths('vscode', machine('linux', {}, editions))).toEqual(
    editions.flatMap((folder) => [`${folder}/settings.json`, `${folder}/chatLanguageModels.json`]),
  )
  // A new file would hide the old one.
  const old = machine('linux', {}, ['/home/ada/.continue/config.json'])
  expect(() => paths('continue', old)).toThrow('config.json')
})

describe('what stands there', () => {
  test.each(SETUP_TOOLS.map(({ id }) => id))('%s names the address and the model', (id) => {
    const text = JSON.stringify(written(id, FACTS))
    expect(text).toContain('http://127.0.0.1:9347')
    if (id !== 'vscode') expect(text).toContain('team/fast')
    expect(tool(id).next(FACTS, machine('linux')).length).toBeGreaterThan(0)
  })

  test('a key stands in as few files as the tool allows, and those are private', () => {
    for (const each of SETUP_TOOLS) {
      for (const { changes, format, holdsKey } of each.files(
        { ...FACTS, key: KEY },
        machine('linux'),
      )) {
        const { text } = edited(FORMATS[format], '', changes)
        expect([each.id, text.includes(KEY) && !holdsKey]).toEqual([each.id, false])
      }
    }
    const settings = (id: string) => {
      const files = tool(id).files({ ...FACTS, key: KEY }, machine('linux'))
      return files.filter(({ holdsKey }) => !holdsKey).length
    }
    for (const id of ['claude-code', 'codex', 'opencode', 'continue', 'zed', 'llm']) {
      expect(settings(id)).toBe(1)
    }
    expect(tool('zed').files({ ...FACTS, key: KEY }, machine('linux'))).toHaveLength(1)
  })

  test('Claude Code: every name of a model it knows, and one way to the key', () => {
    const [file] = tool('claude-code').files(FACTS, machine('linux'))
    const first = edited(FORMATS.jsonc, '{"apiKeyHelper": "mine"}', file!.changes).text
    expect(FORMATS.jsonc.parse(first)).toEqual({
      apiKeyHelper: 'mine',
      env: {
        ANTHROPIC_BASE_URL: 'http://127.0.0.1:9347',
        ANTHROPIC_MODEL: 'team/fast',
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'team/fast',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'team/fast',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: 'team/tiny',
        ANTHROPIC_AUTH_TOKEN: 'anonymous',
      },
    })
    const [, withKey] = tool('claude-code').files({ ...FACTS, key: KEY }, machine('linux'))
    const second = edited(FORMATS.jsonc, first, withKey!.changes).text
    expect(FORMATS.jsonc.parse(second)).toMatchObject({
      apiKeyHelper: "cat '/data/setup/tool.key'",
    })
    expect(second).not.toContain('ANTHROPIC_AUTH_TOKEN')
    // Back to none: its own command goes, one of somebody else would stay.
    const third = edited(FORMATS.jsonc, second, file!.changes).text
    expect(third).not.toContain('apiKeyHelper')
  })

  test('a shell and a path with quotes', () => {
    const keyFile = "/home/o'neil/x.key"
    const [, unix] = tool('claude-code').files({ ...FACTS, key: KEY, keyFile }, machine('linux'))
    expect(JSON.stringify(unix)).toContain("cat '/home/o'\\\\''neil/x.key'")
    const windows = { ...FACTS, key: KEY, keyFile: 'C:\\Users\\a b\\x.key' }
    const [, codex] = tool('codex').files(windows, machine('win32'))
    const auth = codex!.changes.find(({ path }) => path.at(-1) === 'auth')
    expect(auth?.value).toEqual({ command: 'cmd', args: ['/d', '/c', 'type', windows.keyFile] })
    expect(JSON.stringify(written('opencode', windows, machine('win32')))).toContain(
      '{file:C:/Users/a b/x.key}',
    )
  })

  test('Codex: a key of its own takes the place of other ways to one', () => {
    const [, file] = tool('codex').files({ ...FACTS, key: KEY }, machine('linux'))
    const before =
      '[model_providers.weir]\nenv_key = "WEIR_KEY" # old\nquery_params = { a = "b" }\n'
    expect(() => edited(FORMATS.toml, before, file!.changes)).toThrow('comment')
    const { text } = edited(FORMATS.toml, before.replace(' # old', ''), file!.changes)
    expect(FORMATS.toml.parse(text)).toMatchObject({
      model_providers: {
        weir: { query_params: { a: 'b' }, auth: { command: 'cat', args: [FACTS.keyFile] } },
      },
    })
    expect(text).not.toContain('env_key')
  })
})

describe('a difference, shown', () => {
  test('as diff -u does', () => {
    const before = Array.from({ length: 20 }, (_, at) => `line ${at}\n`).join('')
    const after = before.replace('line 3\n', 'line three\n').replace('line 15\n', '')
    expect(unifiedDiff(before, after)).toBe(
      `@@ -1,7 +1,7 @@\n line 0\n line 1\n line 2\n-line 3\n+line three\n line 4\n line 5\n line 6\n@@ -13,7 +13,6 @@\n line 12\n line 13\n line 14\n-line 15\n line 16\n line 17\n line 18\n`,
    )
    expect(unifiedDiff(before, before)).toBe('')
    expect(unifiedDiff('', 'a\n')).toBe('@@ -0,0 +1,1 @@\n+a\n')
  })

  test.each([
    [`apiKey: ${KEY}`, 'apiKey: ****Zabc'],
    [
      '"anthropic_api_key": "sk-ant-REDACTED",',
      /^"anthropic_api_key": "(?:sk-)?\*\*\*\*[\w]{4}",$/,
    ],
    [`"endpoint": "http://h/k/${KEY}"`, '"endpoint": "http://h/k/****Zabc"'],
    ['Authorization: Bearer abcdefghijklmnop', 'Authorization: Bearer ****mnop'],
    ['db_password = "correct horse"', 'db_password = "****orse"'],
    // Names are shown: they are what a person must see.
    ['env_key = "OPENAI_API_KEY"', 'env_key = "OPENAI_API_KEY"'],
    ['"apiKey": "{file:/data/x.key}"', '"apiKey": "{file:/data/x.key}"'],
    ['max_tokens: 32000', 'max_tokens: 32000'],
  ])('secrets are masked: %s', (line, wanted) => {
    const shown = withoutSecrets(line, [KEY])
    if (typeof wanted === 'string') expect(shown).toBe(wanted)
    else expect(shown).toMatch(wanted)
    expect(shown).not.toContain(KEY)
  })
})
