// What a release is made of: archives that are the same bytes, a changelog that has a word on the version, a list of what is inside that
// leaves nothing out, and an SBOM that its own schema accepts.

import { describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { type Schema, Validator } from '@cfworker/json-schema'
import fc from 'fast-check'
import { VERSION } from '../core/version.ts'
import { checkParameters } from '../testing/seed.ts'
import { type ArchiveEntry, tarGz, zip } from './archive.ts'
import { changelogSections, releaseSection } from './changelog.ts'
import { licencesPage, linkedLibraries, runtimeLicences } from './licences.ts'
import { oneFileTrees } from './one-file-trees.ts'
import { type ShippedPackage, shippedPackages } from './packages.ts'
import { sbom } from './sbom.ts'
import { startPage } from './start-page.ts'
import { isWindows, RELEASE_TARGETS } from './targets.ts'

const root = resolve(import.meta.dir, '../..')
const DATE = new Date('2026-11-21T00:00:00Z')

describe('archives', () => {
  const entries = fc.uniqueArray(
    fc.record({
      path: fc.stringMatching(/^[a-z]{1,8}(\/[a-z0-9-]{1,20}){0,3}\.[a-z]{1,3}$/),
      body: fc.uint8Array({ maxLength: 3000 }),
      isExecutable: fc.boolean(),
    }),
    { selector: ({ path }) => path, minLength: 1, maxLength: 8 },
  )

  for (const [name, make] of [
    ['tar.gz', tarGz],
    ['zip', zip],
  ] as const) {
    test(`${name}: the same bytes for the same files, in whatever order they come`, async () => {
      await fc.assert(
        fc.asyncProperty(entries, async (files) => {
          const archive = await make(files, DATE)
          expect(await make(files.toReversed(), DATE)).toEqual(archive)
        }),
        checkParameters(30),
      )
    })
  }

  test('what other programs unpack is what was packed, with its modes', async () => {
    const files: ArchiveEntry[] = [
      {
        path: 'weir-1/weir',
        body: crypto.getRandomValues(new Uint8Array(200_000)),
        isExecutable: true,
      },
      { path: 'weir-1/README.md', body: new TextEncoder().encode('Ä line\n') },
    ]
    const folder = mkdtempSync(join(tmpdir(), 'weir-archive-'))
    try {
      writeFileSync(join(folder, 'a.tar.gz'), await tarGz(files, DATE))
      writeFileSync(join(folder, 'a.zip'), await zip(files, DATE))
      expect(Bun.spawnSync(['tar', 'xzf', 'a.tar.gz'], { cwd: folder }).exitCode).toBe(0)
      for (const { body, isExecutable, path } of files) {
        const unpacked = join(folder, path)
        expect(readFileSync(unpacked).equals(body)).toBe(true)
        expect(statSync(unpacked).mode & 0o777).toBe(isExecutable === true ? 0o755 : 0o644)
        expect(statSync(unpacked).mtime).toEqual(DATE)
      }
      const script = [
        'import hashlib, sys, zipfile',
        "z = zipfile.ZipFile('a.zip')",
        'assert z.testzip() is None',
        'for i in z.infolist(): print(i.filename, i.date_time, oct(i.external_attr >> 16), hashlib.sha256(z.read(i)).hexdigest())',
      ].join('\n')
      const { exitCode, stdout } = Bun.spawnSync(['python3', '-c', script], { cwd: folder })
      expect(exitCode).toBe(0)
      const sum = (body: Uint8Array) => new Bun.CryptoHasher('sha256').update(body).digest('hex')
      expect(stdout.toString()).toBe(
        [
          `weir-1/README.md (2026, 11, 21, 0, 0, 0) 0o100644 ${sum(files[1]!.body)}\n`,
          `weir-1/weir (2026, 11, 21, 0, 0, 0) 0o100755 ${sum(files[0]!.body)}\n`,
        ].join(''),
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('a zip is the same in another time zone', () => {
    const script = `
      const { zip } = await import(${JSON.stringify(join(import.meta.dir, 'archive.ts'))})
      const body = new TextEncoder().encode('text')
      process.stdout.write(Buffer.from(await zip([{ path: 'a.txt', body }], new Date(${DATE.getTime()}))).toString('hex'))`
    const made = ['UTC', 'America/New_York', 'Asia/Kathmandu'].map((TZ) => {
      const { exitCode, stdout } = Bun.spawnSync([process.execPath, '-e', script], {
        env: { ...process.env, TZ },
      })
      expect(exitCode).toBe(0)
      return stdout.toString()
    })
    expect(made[0]!.length).toBeGreaterThan(100)
    expect(new Set(made).size).toBe(1)
  })
})

describe('the folders inside the executable', () => {
  test('are trees of one file each, in one order, whatever the file system lists first', () => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-trees-'))
    try {
      const names = ['b.sql', 'a/é.sql', 'Z.sql', 'a.sql', 'a/b/c.sql', 'a/1_snapshot.json']
      const made = [names, names.toReversed()].map((order, at) => {
        const source = join(folder, String(at), 'migrations')
        for (const name of order) {
          mkdirSync(dirname(join(source, name)), { recursive: true })
          writeFileSync(join(source, name), `of ${name}`)
        }
        const trees = oneFileTrees(source, join(folder, `trees-${at}`), (path) =>
          path.endsWith('.sql'),
        )
        return trees.map((tree) => {
          const files = readdirSync(tree, { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => join(entry.parentPath, entry.name))
          expect(files).toHaveLength(1)
          const path = relative(dirname(tree), files[0]!)
          expect(readFileSync(files[0]!, 'utf8')).toBe(`of ${relative('migrations', path)}`)
          return path
        })
      })
      const sorted = ['Z.sql', 'a.sql', 'a/b/c.sql', 'a/é.sql', 'b.sql']
      expect(made[0]).toEqual(sorted.map((name) => join('migrations', name)))
      expect(made[1]).toEqual(made[0]!)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the changelog', () => {
  const own = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')

  test('is sound, has what is to come on top, and has a word on this version', () => {
    expect(changelogSections(own)[0]?.version).toBe('Unreleased')
    expect(releaseSection(own, VERSION).notes.length).toBeGreaterThan(100)
  })

  test.each([
    ['no section', '## [Unreleased]\n', 'no section'],
    ['a heading of another form', '## 1.0.0\n\nx\n', 'no heading'],
    ['nothing said', '## [1.0.0] - 2026-01-01\n\n', 'says nothing'],
    ['no date', '## [1.0.0]\n\nx\n', 'no date'],
    ['a date that is none', '## [1.0.0] - 2026-02-30\n\nx\n', 'no date'],
    ['twice', '## [1.0.0] - 2026-01-01\nx\n## [1.0.0] - 2026-01-01\ny\n', 'twice'],
    ['older above newer', '## [1.0.0] - 2026-01-01\nx\n## [0.9.0] - 2026-01-02\ny\n', 'older'],
  ])('refused: %s', (_, text, message) => {
    expect(() => releaseSection(text, '1.0.0')).toThrow(message)
  })
})

test('the page in an archive links to nothing that no archive has, and starts the right program', () => {
  for (const target of RELEASE_TARGETS) {
    const page = startPage(target, VERSION)
    expect(page).not.toMatch(/\]\(/)
    expect(page).toContain(isWindows(target) ? '.\\weir.exe serve' : './weir serve')
    expect(page.includes('apk add')).toBe(target.endsWith('musl'))
  }
})

describe('what is inside', () => {
  let made: Promise<ShippedPackage[]> | undefined
  const packages = () => (made ??= shippedPackages(root))

  test('every dependency of the program is there but those of types alone, and none of the tests', async () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      devDependencies: Record<string, string>
    }
    const names = new Map((await packages()).map(({ name, version }) => [name, version]))
    // Eden is the types of the web UI's client; what asks is ours.
    const typesOnly = new Set(['@elysiajs/eden'])
    const missing = Object.entries(manifest.dependencies).filter(
      ([name, version]) => names.get(name) !== version && !typesOnly.has(name),
    )
    expect(missing).toEqual([])
    expect(Object.keys(manifest.devDependencies).filter((name) => names.has(name))).toEqual([])
  })

  test('each has a version, a licence, its text and the sum that the lock file has', async () => {
    for (const each of await packages()) {
      expect(each.version).toMatch(/^\d+\.\d+\.\d+/)
      expect(each.texts.map(({ text }) => text).join('').length).toBeGreaterThan(40)
      expect(each.integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/)
    }
  })

  test('the list of licences has the text of each, and of the runtime', async () => {
    const page = licencesPage(await packages(), runtimeLicences(root))
    for (const { name, texts, version } of await packages()) {
      expect(page).toContain(`## ${name} ${version}\n`)
      for (const { text } of texts) expect(page).toContain(text)
    }
    expect(page).toContain('JavaScriptCore')
    expect(page).toContain('LGPL')
  })

  test('the SBOM is valid by its own schema, names each once, and is the same every time', async () => {
    const input = {
      version: VERSION,
      bunVersion: Bun.version,
      packages: await packages(),
      linked: linkedLibraries(runtimeLicences(root)),
      date: DATE,
    }
    const text = sbom(input)
    expect(sbom({ ...input, packages: input.packages.toReversed() })).toBe(text)
    const document = JSON.parse(text) as Bom
    expect(validator().validate(document)).toMatchObject({ valid: true })
    const purls = document.components.map(({ purl }) => purl)
    expect(new Set(purls).size).toBe(purls.length)
    expect(purls).toContain(`pkg:npm/bun@${Bun.version}`)
    for (const { name, version } of input.packages) {
      expect(purls).toContain(`pkg:npm/${name.replace('@', '%40')}@${version}`)
    }
    // What the runtime links, each row of its manual's table and the engine.
    const runtime = document.components.find(({ name }) => name === 'bun')
    const linked = runtime?.components?.map(({ name }) => name) ?? []
    expect(linked).toEqual(
      expect.arrayContaining(['JavaScriptCore', 'boringssl', 'sqlite', 'tinycc']),
    )
    const table = runtimeLicences(root).split('# Linked libraries')[1]!.split('\n#')[0]!
    expect(linked).toHaveLength(table.split('\n').filter((row) => row.startsWith('| ')).length - 1)
    // Two versions of one package are two parts.
    const [one] = input.packages
    const twice = { ...input, packages: [...input.packages, { ...one!, version: '0.0.1' }] }
    expect(sbom(twice)).toContain(`@0.0.1"`)
    expect((JSON.parse(sbom(twice)) as Bom).components).toHaveLength(document.components.length + 1)
    const known = new Set(document.dependencies.map(({ ref }) => ref))
    expect(
      document.dependencies
        .flatMap(({ dependsOn = [] }) => dependsOn)
        .every((ref) => known.has(ref)),
    ).toBe(true)
    const newer = sbom({ ...input, version: '99.0.0' })
    expect((JSON.parse(newer) as Bom).serialNumber).not.toBe(document.serialNumber)
  })

  test('a broken SBOM is seen by the schema, and a licence of unknown name is refused', async () => {
    const [first] = await packages()
    const rest = { version: VERSION, bunVersion: Bun.version, linked: [], date: DATE }
    const input = { ...rest, packages: [first!] }
    const document = JSON.parse(sbom(input)) as Record<string, unknown>
    expect(
      validator().validate({ ...document, components: [{ type: 'nonsense', name: 'x' }] }).valid,
    ).toBe(false)
    expect(() =>
      sbom({ ...input, packages: [{ ...first!, licence: 'Do what you like' }] }),
    ).toThrow('SPDX')
  })
})

interface Bom {
  readonly serialNumber: string
  readonly components: readonly {
    readonly name: string
    readonly purl: string
    readonly components?: readonly { readonly name: string }[]
  }[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[]
}

/** CycloneDX's own schema and the two it refers to. */
function validator(): Validator {
  const folder = join(root, 'node_modules/@cyclonedx/cyclonedx-library/res/schema')
  const schema = (name: string) =>
    JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), 'utf8')) as Schema
  const main = new Validator(schema('bom-1.6'), '7', false)
  for (const name of ['spdx', 'jsf-0.82']) {
    const id = `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`
    main.addSchema({ ...schema(name), $id: id }, id)
  }
  return main
}
