// Builds the executable: `bun run build` for this machine, `bun run build --all` for every platform, with SHA-256 sums.
// Everything the program reads is embedded; nothing of the folder it is later started in (`.env`, `bunfig.toml`) may run.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { bundleWeb, docsFiles } from './src/web-bundle.ts'

const TARGETS = [
  'bun-linux-x64',
  'bun-linux-arm64',
  'bun-linux-x64-musl',
  'bun-linux-arm64-musl',
  'bun-darwin-x64',
  'bun-darwin-arm64',
  'bun-windows-x64',
  'bun-windows-arm64',
] as const

type CompileTarget = (typeof TARGETS)[number]

const root = import.meta.dir
const dist = join(root, 'dist')

/** Compiles one executable and returns its path. */
async function build(target: CompileTarget | undefined, executablePath?: string): Promise<string> {
  const name = target === undefined ? 'weir' : target.replace(/^bun-/, 'weir-')
  const windows = target?.includes('windows') ?? process.platform === 'win32'
  const outfile = join(dist, windows ? `${name}.exe` : name)
  const result = await Bun.build({
    // Threads are programs of their own.
    entrypoints: [join(root, 'src/main.ts'), join(root, 'src/storage/sqlite-search-worker.ts')],
    target: 'bun',
    format: 'esm',
    // Elysia reads its own function names at start, so identifiers stay.
    minify: { whitespace: true, syntax: true, identifiers: false },
    bytecode: true,
    // What is imported when it is needed, with the modules of the system that it brings, is loaded then and not at every start.
    splitting: true,
    compile: {
      ...(target === undefined ? {} : { target }),
      ...(executablePath === undefined ? {} : { executablePath }),
      outfile,
      assets: [join(root, 'migrations'), join(dist, 'web')],
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
  } as Parameters<typeof Bun.build>[0])
  for (const log of result.logs) process.stderr.write(`${String(log)}\n`)
  if (!result.success) throw new Error(`build of ${name} failed`)
  return outfile
}

/** Makes the web UI, each file with its packed twin beside it where that is smaller. */
async function buildWeb(): Promise<void> {
  for (const { body, gzip, name } of [
    ...(await bundleWeb(join(root, 'web'))),
    ...(await docsFiles(join(root, 'web'))),
  ]) {
    const path = join(dist, 'web', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, body)
    if (gzip !== undefined) writeFileSync(`${path}.gz`, gzip)
  }
}

function describe(path: string): string {
  const sum = createHash('sha256').update(readFileSync(path)).digest('hex')
  const mebibytes = (statSync(path).size / 1024 / 1024).toFixed(1)
  process.stdout.write(`${basename(path)}  ${mebibytes} MiB  ${sum}\n`)
  return `${sum}  ${basename(path)}`
}

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
await buildWeb()
if (process.argv.includes('--all')) {
  const sums: string[] = []
  for (const target of TARGETS) sums.push(describe(await build(target)))
  writeFileSync(join(dist, 'SHA256SUMS'), `${sums.join('\n')}\n`)
} else describe(await build(undefined))
