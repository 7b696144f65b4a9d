// Runs the command blocks of one page as a reader would, one after the other in one shell, in a network of its own where a server listens
// on the default address and nothing else can be reached. Started by `command-blocks.test.ts` with the page's path; the last line of its
// output is what came of it, as JSON.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '../../src/core/version.ts'
import { tarGz } from '../../src/release/archive.ts'
import { startPostgres } from '../../src/testing/postgres.ts'
import { type Block, pages } from './blocks.ts'
import { PROVIDER_PORT, SETTINGS } from './settings.ts'
import { STAND_INS } from './stand-ins.ts'

export interface PageResult {
  /** 0, or the status of the command that ended it. */
  readonly status: number
  /** Line of the page where the block begins that was run last. */
  readonly line: number
  readonly output: string
}

const ADDRESS = 'http://127.0.0.1:9347'
const READY_LIMIT_MS = 60_000
/** Of all blocks of one page. */
const PAGE_LIMIT_MS = 300_000

const root = join(import.meta.dir, '..', '..')

async function run(path: string, executable: string): Promise<PageResult> {
  const page = pages().find((each) => each.path === path)
  if (page === undefined) throw new Error(`there is no ${path}`)
  const settings = SETTINGS[path] ?? {}
  const folder = mkdtempSync(join(tmpdir(), 'weir-page-'))
  const home = join(folder, 'home')
  const work = join(folder, 'work')
  const bin = join(folder, 'bin')
  for (const each of [home, work, bin]) mkdirSync(each)
  const provider = startProvider()
  const postgres = settings.postgres === undefined ? undefined : await startPostgres()
  // What the reader may have left out in a sentence of the page must not be needed either.
  const env = {
    HOME: home,
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    WEIR_REAL: executable,
    WEIR_ROOT: root,
    BUN_REAL: process.execPath,
    HELM_REAL: process.env['HELM_REAL'] ?? '',
    ...(postgres === undefined ? {} : { WEIR_DATABASE_URL: postgres.url() }),
    ...settings.env,
  }
  writeFileSync(join(work, 'weir.yaml'), JSON.stringify(configuration(settings.config)))
  for (const [name, text] of Object.entries(settings.files ?? {})) {
    writeFileSync(join(work, name), text)
  }
  if (settings.archive === true) await putArchive(work)
  for (const name of settings.copies ?? [])
    cpSync(join(root, name), join(work, name), { recursive: true, verbatimSymlinks: true })
  for (const [name, script] of Object.entries(STAND_INS)) {
    const file = join(bin, name)
    writeFileSync(file, script)
    chmodSync(file, 0o755)
  }
  const server = Bun.spawn([executable, 'serve'], {
    cwd: work,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    await ready(server)
    return await session(page.blocks, {
      cwd: work,
      env: { ...env, WEIR_SERVER: String(server.pid) },
      before: settings.before ?? '',
    })
  } finally {
    server.kill('SIGTERM')
    await server.exited
    await postgres?.stop()
    await provider.stop(true)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One shell for the whole page, which ends at the first command that fails. */
async function session(
  blocks: readonly Block[],
  options: { cwd: string; env: Record<string, string>; before: string },
): Promise<PageResult> {
  const reached = join(options.cwd, '..', 'reached')
  writeFileSync(reached, '0')
  const script = [
    'set -eo pipefail',
    options.before,
    ...blocks.map(({ line, text }) => `printf %s ${line} > ${quoted(reached)}\n${text}`),
  ].join('\n')
  const child = Bun.spawn(['bash', '-c', script], {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PAGE_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const [out, error, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ])
  return {
    status,
    line: Number(readFileSync(reached, 'utf8')),
    output: `${out}\n${error}`.slice(-3000),
  }
}

function configuration(more: Readonly<Record<string, unknown>> = {}): object {
  const base = { base_url: `http://127.0.0.1:${PROVIDER_PORT}/v1`, keys: ['sk-example-0123456789'] }
  return {
    discovery: { environment: false, local: false },
    providers: [{ id: 'openai', type: 'openai', ...base }],
    ...more,
  }
}

/** The archive for this platform, made as releases are; what is in it stands for the executable, which takes long to pack. */
async function putArchive(folder: string): Promise<void> {
  const top = `weir-${VERSION}-linux-x64`
  const entry = {
    path: `${top}/weir`,
    body: Buffer.from('#!/bin/sh\nexec "$WEIR_REAL" "$@"\n'),
    isExecutable: true,
  }
  const archive = await tarGz([entry], new Date())
  writeFileSync(join(folder, `${top}.tar.gz`), archive)
  const sum = new Bun.CryptoHasher('sha256').update(archive).digest('hex')
  writeFileSync(join(folder, 'SHA256SUMS'), `${sum}  ${top}.tar.gz\n`)
}

/** A provider that answers whatever it is asked. */
function startProvider() {
  const message = { role: 'assistant', content: 'Hello.' }
  const answers: Readonly<Record<string, object>> = {
    '/v1/models': {
      object: 'list',
      data: [
        { id: 'gpt-5-mini', object: 'model' },
        { id: 'whisper-1', object: 'model' },
      ],
    },
    '/v1/chat/completions': {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'gpt-5-mini',
      choices: [{ index: 0, message, finish_reason: 'stop' }],
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    },
    '/v1/audio/transcriptions': { text: 'Hello.' },
    '/feed': { tag_name: 'v99.0.0', html_url: 'https://example.com/releases/v99.0.0', assets: [] },
    '/v1/files': { id: 'file-1', object: 'file' },
  }
  return Bun.serve({
    hostname: '127.0.0.1',
    port: PROVIDER_PORT,
    fetch: async (request) => {
      await request.bytes()
      return Response.json(answers[new URL(request.url).pathname] ?? { object: 'list', data: [] })
    },
  })
}

async function ready(server: Bun.Subprocess<'ignore', 'pipe', 'pipe'>): Promise<void> {
  const decoder = new TextDecoder()
  let text = ''
  const timer = setTimeout(() => server.kill('SIGKILL'), READY_LIMIT_MS)
  for await (const chunk of server.stdout) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes(`listens on ${ADDRESS}`)) {
      clearTimeout(timer)
      return
    }
  }
  throw new Error(`the server did not start:\n${text}\n${await server.stderr.text()}`)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

const [, , path = '', executable = ''] = process.argv
const result = await run(path, executable)
process.stdout.write(`\n${JSON.stringify(result)}\n`)
process.exit(0)
