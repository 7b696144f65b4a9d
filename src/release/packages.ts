// The packages that are really inside the executable, found by bundling it and looking at what went in: what a lock file lists is more
// than what is shipped. The list of licences and the SBOM are made of it. Nothing here is part of the program.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { EMBEDDED_PACKAGES, WEB_ENTRIES } from '../web-bundle.ts'
import { byCodePoints } from './by-code-points.ts'
import { ENTRY_POINTS } from './entry-points.ts'

/** A package of the registry whose code is inside the executable. */
export interface ShippedPackage {
  /** `@scope/name` */
  readonly name: string
  readonly version: string
  readonly description: string
  /** SPDX expression as the package says it. */
  readonly licence: string
  /** Texts of its licence and notice files, by file name. */
  readonly texts: readonly { readonly file: string; readonly text: string }[]
  readonly homepage: string | undefined
  /** `sha512-…` of its archive in the registry, as the lock file has it. */
  readonly integrity: string | undefined
  /** Names of other shipped packages it asks for. */
  readonly needs: readonly string[]
}

interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license?: string | { readonly type?: string }
  readonly homepage?: string
  readonly repository?: string | { readonly url?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const LEGAL_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i

/**
 * Every package with code in the executable or in the web UI, by name.
 * @param root folder of the repository, with its packages installed
 * @throws AggregateError where something does not bundle
 * @throws Error for a package without a name, version, licence or licence text
 */
export async function shippedPackages(root: string): Promise<ShippedPackage[]> {
  const folders = new Set([
    ...(await bundledFolders(root, ENTRY_POINTS, 'bun')),
    ...(await bundledFolders(
      root,
      WEB_ENTRIES.map((name) => `web/${name}`),
      'browser',
    )),
    ...EMBEDDED_PACKAGES.map((name) => join(root, 'node_modules', name)),
  ])
  const integrities = readIntegrities(root)
  const manifests = [...folders].map((folder) => ({ folder, manifest: readManifest(folder) }))
  const names = new Set(manifests.map(({ manifest }) => manifest.name))
  return manifests
    .map(({ folder, manifest }) => ({
      name: manifest.name,
      version: manifest.version,
      description: manifest.description ?? '',
      licence: licenceOf(manifest),
      texts: legalTexts(folder, manifest),
      homepage: homepageOf(manifest),
      integrity: integrities.get(`${manifest.name}@${manifest.version}`),
      needs: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
        .filter((name) => names.has(name))
        .toSorted(),
    }))
    .toSorted((left, right) => byCodePoints(left.name, right.name))
}

/** Folders of packages that files of a bundle came from. */
async function bundledFolders(
  root: string,
  entries: readonly string[],
  target: 'bun' | 'browser',
): Promise<Set<string>> {
  const { metafile } = await Bun.build({
    entrypoints: entries.map((entry) => join(root, entry)),
    target,
    splitting: true,
    format: 'esm',
    metafile: true,
    ...(target === 'browser' ? { tsconfig: join(root, 'web/tsconfig.json') } : {}),
  } as Parameters<typeof Bun.build>[0])
  const folders = new Set<string>()
  for (const input of Object.keys(metafile?.inputs ?? {})) {
    // A package inside another's folder counts by itself: the last one in the path.
    const [, folder] = /^(?:.*?\/)??((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? []
    const inside = folder?.slice(folder.indexOf('node_modules/'))
    if (inside !== undefined) folders.add(join(root, inside))
  }
  if (folders.size === 0)
    throw new Error(`release: the bundle of ${entries.join(', ')} names no package`)
  return folders
}

function readManifest(folder: string): Manifest {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  if (!manifest.name || !manifest.version) {
    throw new Error(`release: ${folder} has no name or version`)
  }
  return manifest
}

function licenceOf({ license, name }: Manifest): string {
  const text = typeof license === 'string' ? license : license?.type
  if (text === undefined || text === '') throw new Error(`release: ${name} states no licence`)
  return text
}

/**
 * Packages that state their licence in the manifest and ship no text of it, with what stands for it here. A new one is looked at before
 * it is let in.
 */
const WITHOUT_TEXT: Readonly<Record<string, string>> = {
  'drizzle-orm': 'Apache-2.0: the text is that of the file LICENSE beside this one.',
  postgres:
    'Unlicense: this is free and unencumbered software released into the public domain; see https://unlicense.org.',
}

function legalTexts(folder: string, { name }: Manifest): { file: string; text: string }[] {
  const texts = readdirSync(folder)
    .filter((file) => LEGAL_FILE.test(file))
    .toSorted(byCodePoints)
    .map((file) => ({ file, text: readFileSync(join(folder, file), 'utf8').trim() }))
  if (texts.length > 0) return texts
  const stand = WITHOUT_TEXT[name]
  if (stand === undefined) throw new Error(`release: ${name} ships no licence text`)
  return [{ file: 'package.json', text: stand }]
}

function homepageOf({ homepage, repository }: Manifest): string | undefined {
  if (homepage !== undefined && homepage.startsWith('https://')) return homepage
  const url = typeof repository === 'string' ? repository : repository?.url
  const found = url?.replace(/^git\+/, '').replace(/\.git$/, '')
  return found?.startsWith('https://') === true ? found : undefined
}

/** `name@version` → `sha512-…` of the lock file, which is JSON with trailing commas. */
function readIntegrities(root: string): ReadonlyMap<string, string> {
  const path = join(root, 'bun.lock')
  if (!existsSync(path)) throw new Error(`release: ${relative(dirname(root), path)} is missing`)
  const found = new Map<string, string>()
  for (const [, id, integrity] of readFileSync(path, 'utf8').matchAll(
    /^\s+"[^"]+": \["([^"]+)",.*"(sha512-[^"]+)"\],?$/gm,
  )) {
    if (id !== undefined && integrity !== undefined) found.set(id, integrity)
  }
  return found
}
