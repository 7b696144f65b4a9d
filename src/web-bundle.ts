// Makes the files of the web UI from `web/`: bundled, minified, split by page, named by what is in them. The build calls it to embed them,
// and development calls it at the first look at the UI; the executable has them already and never comes here.

import { readFileSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
import type { BuildArtifact } from 'bun'
import { guideFiles } from './guide/guide.ts'
import { smallerPlot } from './web-plot.ts'

/** A file to be served under `/ui/`, or under `/docs/` where its name begins so. */
export interface BundledFile {
  /** `app-3f2k.js`, `docs/swagger-ui.css` */
  readonly name: string
  readonly body: Uint8Array
  /** The same, packed once for everybody who takes it; absent where that saves nothing. */
  readonly gzip?: Uint8Array
}

/** Scripts that pages name, by the name they have in the pages. Each is bundled by itself; shared parts are files of their own. */
const SCRIPTS = ['app.tsx', 'outside.ts']

/** Runs before anything is drawn, so it is no module and shares nothing. */
const EARLY_SCRIPTS = ['early.ts']
const STYLES = ['app.css']
const PAGES = ['index.html', 'login.html', 'setup.html', 'password.html']

/** Files of packages that the page of the API documentation needs, by what they are called there. */
const DOCS = ['swagger-ui.css', 'swagger-ui-bundle.js']
const DOCS_OWN = ['index.html', 'page.css']

/** Left as they are for what they are: packing makes them no smaller. */
const PACKED = new Set(['.js', '.css', '.html', '.svg', '.json', '.txt'])

/** What the pages of the guide load, by its place in `web/`. */
const GUIDE_SCRIPT = 'docs/guide/start.ts'
const GUIDE_EARLY = 'early.ts'
const GUIDE_STYLE = 'docs/guide/guide.css'

/** Every script that a page loads, by its place in `web/`, and the packages whose files are taken as they are: for the list of what is shipped. */
export const WEB_ENTRIES: readonly string[] = [
  ...SCRIPTS,
  ...EARLY_SCRIPTS,
  'docs/start.ts',
  GUIDE_SCRIPT,
]
export const EMBEDDED_PACKAGES: readonly string[] = ['swagger-ui-dist']

/**
 * The files of the web UI.
 * @param folder with the sources (`web/`)
 * @throws AggregateError naming what does not build
 */
export async function bundleWeb(folder: string): Promise<BundledFile[]> {
  const [modules, early, styles] = await Promise.all([
    bundle(folder, SCRIPTS, { splitting: true, format: 'esm' }),
    bundle(folder, EARLY_SCRIPTS, { splitting: false, format: 'iife' }),
    bundle(folder, STYLES, { splitting: false, format: 'esm' }),
  ])
  const outputs = [...modules, ...early, ...styles]
  const files = await Promise.all(
    outputs.map(async (output) => packed(nameOf(output), await bytesOf(output))),
  )
  const names = new Map(outputs.filter(isEntry).map((each) => [plainName(each), nameOf(each)]))
  const texts = new Map(
    await Promise.all(outputs.map(async (each) => [nameOf(each), await each.text()] as const)),
  )
  for (const page of PAGES) {
    const written = readFileSync(join(folder, page), 'utf8').replaceAll(/\n\s+/g, '\n')
    const html = pageWithNames(written, names, texts)
    files.push(packed(page, new TextEncoder().encode(html)))
  }
  files.push(packed('icon.svg', readFileSync(join(folder, 'icon.svg'))))
  return files
}

/**
 * The page of the API documentation: Swagger UI as its makers built it, and what starts it here. Its names stay as they are.
 * @param folder with the sources (`web/`)
 * @throws AggregateError naming what does not build
 */
export async function docsFiles(folder: string): Promise<BundledFile[]> {
  const own = join(folder, 'docs')
  const { outputs } = await Bun.build({
    entrypoints: [join(own, 'start.ts')],
    target: 'browser',
    format: 'iife',
    minify: true,
  })
  const script = await Promise.all(outputs.map((output) => bytesOf(output)))
  return [
    ...DOCS.map((name) =>
      packed(
        `docs/${name}`,
        readFileSync(Bun.resolveSync(`swagger-ui-dist/${name}`, import.meta.dir)),
      ),
    ),
    ...DOCS_OWN.map((name) => packed(`docs/${name}`, readFileSync(join(own, name)))),
    ...script.map((body) => packed('docs/start.js', body)),
  ]
}

/**
 * The guide: the pages of `docs/` with what they load, as files under `docs/guide/`.
 * @param folder with the sources of the UI (`web/`)
 * @param docs with the pages (`docs/`)
 * @throws AggregateError naming what does not build
 * @throws RangeError naming the page that can't be one
 */
export async function guideBundle(folder: string, docs: string): Promise<BundledFile[]> {
  const { outputs } = await Bun.build({
    entrypoints: [GUIDE_EARLY, GUIDE_SCRIPT, GUIDE_STYLE].map((entry) => join(folder, entry)),
    target: 'browser',
    format: 'iife',
    minify: true,
    naming: '[name]-[hash].[ext]',
  })
  const named = (plain: string) => {
    const output = outputs.find((each) => plainName(each) === plain)
    if (output === undefined) throw new RangeError(`guide: there is no ${plain}`)
    return nameOf(output)
  }
  const files = {
    early: named('early.js'),
    script: named('start.js'),
    style: named('guide.css'),
  }
  const sourceUrl = sourceOf(join(docs, '..', 'package.json'))
  const made = guideFiles(docs, { files, ...(sourceUrl === undefined ? {} : { sourceUrl }) })
  return [
    ...(await Promise.all(
      outputs.map(async (output) => packed(`docs/guide/${nameOf(output)}`, await bytesOf(output))),
    )),
    ...made.map(({ body, name }) => packed(`docs/guide/${name}`, body)),
  ]
}

/** Where the source can be read: `repository` of the package, if it is an address. Without it files of the source are named, not linked. */
function sourceOf(packageFile: string): string | undefined {
  const { repository } = JSON.parse(readFileSync(packageFile, 'utf8')) as { repository?: unknown }
  if (typeof repository !== 'string' || !repository.startsWith('https://')) return undefined
  return `${repository.replace(/\/$/, '')}/blob/main`
}

async function bundle(
  folder: string,
  entries: readonly string[],
  options: { readonly splitting: boolean; readonly format: 'esm' | 'iife' },
): Promise<BuildArtifact[]> {
  const { outputs } = await Bun.build({
    entrypoints: entries.map((entry) => join(folder, entry)),
    target: 'browser',
    minify: true,
    publicPath: '/ui/',
    naming: { entry: '[name]-[hash].[ext]', chunk: '[name]-[hash].[ext]' },
    define: { 'process.env.NODE_ENV': '"production"' },
    tsconfig: join(folder, 'tsconfig.json'),
    plugins: [smallerPlot],
    ...options,
  })
  return outputs
}

function isEntry({ kind, path }: BuildArtifact): boolean {
  return kind === 'entry-point' || path.endsWith('.css')
}

function nameOf({ path }: BuildArtifact): string {
  return basename(path)
}

/** `app.js` of `app-1a2b3c4d.js`: the name that pages are written with. */
function plainName(output: BuildArtifact): string {
  return nameOf(output).replace(/-[a-z0-9]{8}(\.\w+)$/, '$1')
}

async function bytesOf(output: BuildArtifact): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await output.arrayBuffer())
}

function packed(name: string, body: Uint8Array<ArrayBuffer>): BundledFile {
  if (!PACKED.has(extname(name))) return { name, body }
  // Of what packs for `gzip` here, this packs best.
  const gzip = Bun.gzipSync(body, { library: 'libdeflate', level: 12 })
  return gzip.byteLength < body.byteLength ? { name, body, gzip } : { name, body }
}

/**
 * A page with the files' real names, and with what its scripts need at once, so that the browser asks for all of it together.
 * @throws RangeError for a file that was not made
 */
function pageWithNames(
  html: string,
  names: ReadonlyMap<string, string>,
  texts: ReadonlyMap<string, string>,
): string {
  const preloads = new Set<string>()
  const page = html.replaceAll(
    /(src|href)="\/ui\/([\w.-]+\.(?:js|css))"/g,
    (_, attribute, file) => {
      const name = names.get(file)
      if (name === undefined) throw new RangeError(`web: there is no ${file}`)
      for (const needed of neededBy(name, texts)) preloads.add(needed)
      return `${attribute}="/ui/${name}"`
    },
  )
  const links = [...preloads].map((name) => `<link rel="modulepreload" href="/ui/${name}" />`)
  return page.replace('</head>', () => `${links.join('')}</head>`)
}

/** Files that a script imports at once, and what those import. */
function neededBy(name: string, texts: ReadonlyMap<string, string>, seen = new Set<string>()) {
  const text = texts.get(name) ?? ''
  for (const [, found] of text.matchAll(/(?:from|import)\s*"(?:\/ui\/|\.\/)([\w.-]+\.js)"/g)) {
    if (found === undefined || seen.has(found)) continue
    seen.add(found)
    neededBy(found, texts, seen)
  }
  return seen
}
