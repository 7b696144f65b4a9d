// `bun run release`: everything that a release consists of, into `dist/release`: an archive for each platform, the SBOM, and SHA-256
// sums of all of it; beside them the notes. Run twice it gives the same bytes, wherever it runs. It publishes nothing and asks nobody.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { allCommands, COMPLETION_FILES, completionScript } from '../cli/completions/scripts.ts'
import { SHELLS } from '../cli/completions/words.ts'
import { manualPage } from '../cli/manual.ts'
import { VERSION } from '../core/version.ts'
import { type ArchiveEntry, tarGz, zip } from './archive.ts'
import { releaseSection } from './changelog.ts'
import { licencesPage, linkedLibraries, runtimeLicences } from './licences.ts'
import { shippedPackages } from './packages.ts'
import { sbom } from './sbom.ts'
import { startPage } from './start-page.ts'
import {
  executableName,
  isWindows,
  RELEASE_TARGETS,
  type ReleaseTarget,
  releaseTarget,
} from './targets.ts'

const root = resolve(import.meta.dir, '../..')

interface Release {
  /** Of every file: of the changelog, so that it is the same whenever this runs. */
  readonly date: Date
  /** What every archive holds beside the executable. */
  readonly papers: readonly ArchiveEntry[]
}

/** Makes one platform's archive. @returns its name and bytes */
async function archive(
  target: ReleaseTarget,
  { date, papers }: Release,
): Promise<{ name: string; body: Uint8Array }> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-release-'))
  try {
    await build(target, folder)
    const top = `weir-${VERSION}-${target}`
    const executable: ArchiveEntry = {
      path: isWindows(target) ? 'weir.exe' : 'weir',
      body: readFileSync(join(folder, executableName(target))),
      isExecutable: true,
    }
    const entries = [executable, paper('README.md', startPage(target, VERSION)), ...papers].map(
      (entry) => ({
        ...entry,
        path: `${top}/${entry.path}`,
      }),
    )
    return isWindows(target)
      ? { name: `${top}.zip`, body: await zip(entries, date) }
      : { name: `${top}.tar.gz`, body: await tarGz(entries, date) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function build(target: ReleaseTarget, folder: string): Promise<void> {
  const child = Bun.spawn(
    [process.execPath, join(root, 'build.ts'), '--target', target, '--out', folder],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if ((await child.exited) !== 0) throw new Error(`release: ${target} does not build`)
}

function paper(path: string, text: string): ArchiveEntry {
  return { path, body: new TextEncoder().encode(text) }
}

function repositoryFile(name: string): string {
  return readFileSync(join(root, name), 'utf8')
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'dist/release') },
      // Platforms with commas between them; all by default.
      only: { type: 'string', default: RELEASE_TARGETS.join(',') },
    },
  })
  const targets = values.only.split(',').map(releaseTarget)
  const changelog = repositoryFile('CHANGELOG.md')
  const section = releaseSection(changelog, VERSION)
  const date = new Date(`${section.date}T00:00:00Z`)
  const packages = await shippedPackages(root)
  const runtime = runtimeLicences(root)
  const licences = licencesPage(packages, runtime)
  const commands = await allCommands()
  const release: Release = {
    date,
    papers: [
      paper('LICENSE', repositoryFile('LICENSE')),
      paper('THIRD-PARTY-LICENSES.md', licences),
      paper('CHANGELOG.md', changelog),
      paper('weir.1', manualPage(commands, VERSION)),
      ...SHELLS.map((shell) =>
        paper(`completions/${COMPLETION_FILES[shell]}`, completionScript(shell, commands)),
      ),
    ],
  }
  rmSync(values.out, { recursive: true, force: true })
  mkdirSync(values.out, { recursive: true })
  const sums: string[] = []
  const keep = (name: string, body: Uint8Array | string) => {
    writeFileSync(join(values.out, name), body)
    const sum = createHash('sha256').update(body).digest('hex')
    const mebibytes = (Buffer.byteLength(body) / 1024 / 1024).toFixed(1)
    process.stdout.write(`${name}  ${mebibytes} MiB  ${sum}\n`)
    sums.push(`${sum}  ${name}\n`)
  }
  for (const target of targets) {
    const { body, name } = await archive(target, release)
    keep(name, body)
  }
  keep(
    `weir-${VERSION}.cdx.json`,
    sbom({
      version: VERSION,
      bunVersion: Bun.version,
      packages,
      linked: linkedLibraries(runtime),
      date,
    }),
  )
  keep(`weir-${VERSION}-licenses.md`, licences)
  writeFileSync(join(values.out, 'SHA256SUMS'), sums.join(''))
  // The text of the release itself and no file of it: whoever has all files can check all sums.
  writeFileSync(join(values.out, 'RELEASE-NOTES.md'), `${section.notes}\n`)
}

await run()
