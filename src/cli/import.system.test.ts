// `weir import` as a person runs it: what is wrong with a source is told without its words, files that are there stay, secrets lie where
// nobody else reads them, and what is put in is in force.

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PROGRAMS_LIMIT_MS, TestProgram } from './test-program.ts'

setDefaultTimeout(PROGRAMS_LIMIT_MS)

const SECRET = 'sk-live-0123456789-secret'
const LITELLM = `model_list:
  - { model_name: fast, litellm_params: { model: openai/gpt-4o-mini, api_key: ${SECRET} } }
  - { model_name: spare, litellm_params: { model: groq/llama, api_key: os.environ/GROQ_API_KEY } }
litellm_settings: { fallbacks: [{ fast: [spare] }], odd: 1 }
`

let program: TestProgram
beforeEach(() => {
  program = new TestProgram({ GROQ_API_KEY: 'gsk-from-outside' })
})
afterEach(() => program.remove())

test('a source that cannot be read is told without its words, and nothing is made', async () => {
  program.write('config.yaml', `model_list: [\n  ${SECRET}: {`)
  const { code, err, out } = await program.run('import', 'litellm', 'config.yaml')
  expect([code, out]).toEqual([1, ''])
  expect(err).toMatch(/^config\.yaml is not valid YAML/)
  expect(err).not.toContain(SECRET)
  expect(program.hasData()).toBe(false)
  expect((await program.run('import', 'litellm')).code).toBe(2)
})

test('an include of the same folder is read: lists go on, anything else is replaced and told', async () => {
  program.write(
    'config.yaml',
    `include: [more.yaml]\nmodel_list:\n  - { model_name: a, litellm_params: { model: gpt-4o } }\ngeneral_settings: { master_key: x }\n`,
  )
  program.write(
    'more.yaml',
    'model_list:\n  - { model_name: b, litellm_params: { model: gpt-4o-mini } }\ngeneral_settings: {}\n',
  )
  const { code, out, err } = await program.run('import', 'litellm', 'config.yaml')
  expect(code).toBe(0)
  expect(out).toContain('id: a')
  expect(out).toContain('id: b')
  expect(err).toContain('what more.yaml says takes the place of the whole section')
})

test('what is written is valid, this user’s alone, and written over only by force', async () => {
  program.write('config.yaml', LITELLM)
  const args = [
    'import',
    'litellm',
    'config.yaml',
    '--output',
    'weir.yaml',
    '--secrets-file',
    'weir.env',
  ]
  const first = await program.run(...args)
  expect(first.code).toBe(0)
  expect(first.out + first.err).not.toContain(SECRET)
  expect(first.err).toContain('litellm_settings.odd')
  const at = (name: string) => join(program.folder, name)
  expect(readFileSync(at('weir.env'), 'utf8')).toBe(`WEIR_SECRET_OPENAI_KEY=${SECRET}\n`)
  if (process.platform !== 'win32') {
    for (const name of ['weir.yaml', 'weir.env'])
      expect(statSync(at(name)).mode & 0o777).toBe(0o600)
  }
  const before = readFileSync(at('weir.yaml'), 'utf8')
  const second = await program.run(...args)
  expect(second.code).toBe(2)
  expect(second.err).toContain('--force')
  expect((await program.run(...args, '--force')).code).toBe(0)
  expect(readFileSync(at('weir.yaml'), 'utf8')).toBe(before)
  const check = new TestProgram({ GROQ_API_KEY: 'x', WEIR_SECRET_OPENAI_KEY: SECRET })
  check.write('weir.yaml', before)
  expect(await check.run('config', 'check')).toMatchObject({ code: 0 })
  check.remove()
})

test('--json says the same to a program', async () => {
  program.write('config.yaml', LITELLM)
  const { code, out } = await program.run('import', 'litellm', 'config.yaml', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({
    providers: 2,
    models: 2,
    needs: [
      { name: 'WEIR_SECRET_OPENAI_KEY', in_clear: true },
      { name: 'GROQ_API_KEY', in_clear: false },
    ],
    written: [],
  })
  expect(out).not.toContain(SECRET)
})

describe('--apply', () => {
  test('nobody is there to say yes: nothing is put in', async () => {
    program.write('config.yaml', LITELLM)
    const { code, err } = await program.run('import', 'litellm', 'config.yaml', '--apply')
    expect(code).toBe(3)
    expect(err).toContain('create    providers openai')
    expect(err).toContain('--yes')
    expect((await program.run('models', 'list')).out).not.toContain('fast')
  })

  test('a person is asked, and says yes', async () => {
    program.write('config.yaml', LITELLM)
    const args = ['import', 'litellm', 'config.yaml', '--apply']
    const { code, screen } = await program.typeOnTerminal('[y/N] ', 'y\r', ...args)
    expect(code).toBe(0)
    expect(screen).toContain('Put in.')
  })

  test('with --yes it is in force, and again it changes nothing', async () => {
    program.write('config.yaml', LITELLM)
    const apply = () => program.run('import', 'litellm', 'config.yaml', '--apply', '--yes')
    const first = await apply()
    expect(first).toMatchObject({ code: 0 })
    expect(first.out + first.err).not.toContain(SECRET)
    expect((await program.run('models', 'list')).out).toMatch(/fast.*openai\/gpt-4o-mini/)
    expect((await program.run('audit', 'list')).out).toContain('cli')
    const again = await apply()
    expect(again.code).toBe(0)
    expect(again.err).toContain('unchanged models fast')
  })

  test('a variable that is not set stops it before anything', async () => {
    const bare = new TestProgram()
    bare.write('config.yaml', LITELLM)
    const { code, err } = await bare.run('import', 'litellm', 'config.yaml', '--apply', '--yes')
    expect(code).toBe(1)
    expect(err).toContain('not set: GROQ_API_KEY')
    expect(bare.hasData()).toBe(false)
    bare.remove()
  })

  test('what the file declares is a conflict, and nothing is put in', async () => {
    program.write('config.yaml', LITELLM)
    program.write(
      'weir.yaml',
      'models: [{ id: fast, targets: [{ provider: mock, model: echo }] }]\n',
    )
    const { code, err } = await program.run('import', 'litellm', 'config.yaml', '--apply', '--yes')
    expect(code).toBe(1)
    expect(err).toContain('conflict  models fast')
    expect((await program.run('providers', 'list')).out).not.toContain('groq')
  })
})

test('of the environment what tools read, and of a file all of it', async () => {
  const env = new TestProgram({
    OPENAI_API_KEY: SECRET,
    AZURE_OPENAI_ENDPOINT: 'https://team.openai.azure.com',
    AZURE_OPENAI_API_KEY: 'azure-secret-1',
    HTTPS_PROXY: 'http://user:pw@proxy:3128',
    NO_PROXY: 'localhost,.corp',
    OTHER: 'nobody’s concern',
  })
  env.write(
    '.env',
    `# mine\nexport MISTRAL_API_KEY='mistral-secret' # key\nAPP_PORT=80\nOLLAMA_HOST=0.0.0.0\n`,
  )
  const { code, err, out } = await env.run('import', 'env', '--file', '.env')
  expect(code).toBe(0)
  for (const word of [
    '${OPENAI_API_KEY}',
    '${AZURE_OPENAI_ENDPOINT}',
    '${MISTRAL_API_KEY}',
    '${HTTPS_PROXY}',
    '"http://127.0.0.1:11434"',
  ]) {
    expect(out).toContain(word)
  }
  expect(err).toContain('APP_PORT: Weir has nothing of that name')
  expect(err).not.toContain('OTHER')
  for (const secret of [SECRET, 'azure-secret-1', 'mistral-secret', 'user:pw']) {
    expect(out + err).not.toContain(secret)
  }
  env.remove()
})
