// The list of licences that goes with every release: each package inside the executable with its licence's own text, and the runtime with
// what it links. Whoever hands the executable on fulfils those licences by handing this file on with it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ShippedPackage, shippedPackages } from './packages.ts'

/**
 * `THIRD-PARTY-LICENSES.md` of this source.
 * @param root folder of the repository, with its packages installed
 */
export async function thirdPartyLicences(root: string): Promise<string> {
  return licencesPage(await shippedPackages(root), runtimeLicences(root))
}

/**
 * `THIRD-PARTY-LICENSES.md`.
 * @param runtime page of the runtime's manual about licences, from `runtimeLicences`
 */
export function licencesPage(packages: readonly ShippedPackage[], runtime: string): string {
  const rows = packages.map(
    ({ homepage, licence, name, version }) =>
      `| ${name} | ${version} | ${licence} | ${homepage ?? `https://www.npmjs.com/package/${name}`} |`,
  )
  const texts = packages.map(({ name, texts: own, version }) =>
    [`## ${name} ${version}`, ...own.map(({ file, text }) => `${file}:\n\n${fenced(text)}`)].join(
      '\n\n',
    ),
  )
  return `${[
    '# Licences of what is inside the executable of Weir',
    'Weir itself is under the Apache License 2.0 (the file LICENSE). The executable also holds the packages below, and the runtime Bun with the libraries that it links; their licences follow.',
    ['| package | version | licence | from |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ...texts,
    `# The runtime\n\n${runtime}`,
  ].join('\n\n')}\n`
}

/**
 * What the runtime's manual says of licences.
 * @param root folder of the repository, with its packages installed
 */
export function runtimeLicences(root: string): string {
  const page = readFileSync(join(root, 'node_modules/bun-types/docs/project/license.mdx'), 'utf8')
  return page
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replaceAll(/^#/gm, '##')
    .trim()
}

/** A library that the runtime holds, as its manual's page has it. */
export interface LinkedLibrary {
  readonly name: string
  /** In words: often more than one. */
  readonly licence: string
  readonly homepage: string
}

/**
 * What the runtime links statically, by the page that `runtimeLicences` gives.
 * @throws Error where the page has another form
 */
export function linkedLibraries(page: string): LinkedLibrary[] {
  const [, section = ''] = page.split(/^#+ Linked libraries$/m)
  const table = section.split(/^#/m)[0] ?? ''
  const libraries = [...table.matchAll(/^\| (.*?)\[(.+?)\]\((\S+?)\).*? \| (.+?) +\|$/gm)].map(
    ([, _before, name = '', homepage = '', licence = '']) => ({
      name: name.replaceAll('`', ''),
      licence: licence.replaceAll(/\[(.+?)\]\((\S+?)\)/g, '$1 ($2)').trim(),
      homepage,
    }),
  )
  if (libraries.length < 10) throw new Error('release: the runtime names no linked libraries')
  return [
    { name: 'JavaScriptCore', licence: 'LGPL-2', homepage: 'https://github.com/oven-sh/webkit' },
    ...libraries,
  ]
}

/** A fence longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text}\n${fence}`
}
