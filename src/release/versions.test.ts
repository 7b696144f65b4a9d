// The version stands in more places than one: what is installed by default, labels, documentation. Here are all of them, so that a new
// version tells by one list which still have the old one, and nothing is released that half of the files do not speak of.

import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { VERSION } from '../core/version.ts'

const root = resolve(import.meta.dir, '../..')

/** What is searched in each file; the first group is the version. A file of the list in which nothing is found is a fault of the list. */
const PLACES: readonly (readonly [file: string, pattern: RegExp])[] = [
  ['package.json', /^ {2}"version": "(.*)"/gm],
  ['CHANGELOG.md', /^## \[(\d.*?)\]/m],
  ['deploy/Dockerfile', /^ARG VERSION=(.*)$|weir:(\d\S*)/gm],
  ['deploy/compose.yaml', /weir:(\d[^}]*)\}/g],
  ['deploy/compose.team.yaml', /weir:(\d[^}]*)\}/g],
  ['deploy/helm/weir/Chart.yaml', /^(?:appV|v)ersion: '?([^'\n]*)/gm],
  ['deploy/kubernetes/kustomization.yaml', /newTag: (\S*)/g],
  ['docs/install.md', /weir-(\d[\d.]*)-/g],
  ['docs/containers.md', /\bweir:(\d+\.\d\S*)/g],
  ['docs/kubernetes.md', /image\.tag=(\S*)/g],
  ...readdirSync(join(root, 'deploy/kubernetes/manifests')).map(
    (name) =>
      [`deploy/kubernetes/manifests/${name}`, /app\.kubernetes\.io\/version: "(.*)"/g] as const,
  ),
]

test(`every place that says a version says ${VERSION}`, () => {
  const wrong = PLACES.flatMap(([file, pattern]) => {
    const text = readFileSync(join(root, file), 'utf8')
    const found = pattern.global ? [...text.matchAll(pattern)] : [pattern.exec(text)]
    const versions = found.flatMap((match) => match?.slice(1).filter((part) => part) ?? [])
    if (versions.length === 0) return [`${file}: no version`]
    return versions.filter((each) => each !== VERSION).map((each) => `${file}: ${each}`)
  })
  expect(wrong).toEqual([])
})
