// Builds the executable: `bun run build` for this machine, `bun run build --all` for every platform, with SHA-256 sums,
// `--target linux-x64-musl` for one of them; into `dist`, or the folder after `--out`.
// Everything the program reads is embedded; nothing of the folder it is later started in (`.env`, `bunfig.toml`) may run.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ENTRY_POINTS } from './src/release/entry-points.ts'
import { thirdPartyLicences } from './src/release/licences.ts'
import { oneFileTrees } from './src/release/one-file-trees.ts'
import { RELEASE_TARGETS, type ReleaseTarget, releaseTarget } from './src/release/targets.ts'
import { bundleWeb, docsFiles, guideBundle } from './src/web-bundle.ts'

type CompileTarget = `bun-${ReleaseTarget}`

const root = import.meta.dir
const dist = resolve(option('--out') ?? join(root, 'dist'))

/** What stands behind a flag. */
function option(flag: string): string | undefined {
  const at = process.argv.indexOf(flag)
  return at < 0 ? undefined : process.argv[at + 1]
}

/** Compiles one executable and returns its path. */
async function build(target: CompileTarget | undefined, executablePath?: string): Promise<string> {
  const name = target === undefined ? 'weir' : target.replace(/^bun-/, 'weir-')
  const windows = target?.includes('windows') ?? process.platform === 'win32'
  const outfile = join(dist, windows ? `${name}.exe` : name)
  const result = await Bun.build({
    entrypoints: ENTRY_POINTS.map((entry) => join(root, entry)),
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
      assets,
      autoloadDotenv: false,
      autoloadBunfig: false,
      // What runs once is not worth compiling; who runs on says so (src/main.ts, src/app.ts, the threads).
      jitPolicy: 8,
    },
  } as Parameters<typeof Bun.build>[0])
  for (const log of result.logs) process.stderr.write(`${String(log)}\n`)
  if (!result.success) throw new Error(`build of ${name} failed`)
  return outfile
}

/** Makes the web UI, each file with its packed twin beside it where that is smaller, and the guide, packed alone where that is smaller. */
async function buildWeb(): Promise<void> {
  const guide = await guideBundle(join(root, 'web'), join(root, 'docs'))
  const few = new Set(guide.map(({ name }) => name))
  for (const { body, gzip, name } of [
    ...(await bundleWeb(join(root, 'web'))),
    ...(await docsFiles(join(root, 'web'))),
    ...guide,
  ]) {
    const path = join(dist, 'web', name)
    mkdirSync(dirname(path), { recursive: true })
    if (gzip === undefined || !few.has(name)) writeFileSync(path, body)
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
const trees = mkdtempSync(join(tmpdir(), 'weir-build-'))
process.on('exit', () => rmSync(trees, { recursive: true, force: true }))
/** What the program reads. The migrations' snapshots are for those who write the next one. */
const assets = [
  ...oneFileTrees(
    join(root, 'migrations'),
    join(trees, 'migrations'),
    (path) => !path.endsWith('_snapshot.json'),
  ),
  ...oneFileTrees(join(dist, 'web'), join(trees, 'web')),
]
if (process.argv.includes('--all')) {
  const sums: string[] = []
  for (const target of RELEASE_TARGETS) sums.push(describe(await build(`bun-${target}`)))
  writeFileSync(join(dist, 'SHA256SUMS'), `${sums.join('\n')}\n`)
  // Whoever hands the executables on hands this on with them: the image has it inside.
  writeFileSync(join(dist, 'THIRD-PARTY-LICENSES.md'), await thirdPartyLicences(root))
} else {
  const name = option('--target')
  describe(await build(name === undefined ? undefined : `bun-${releaseTarget(name)}`))
}
