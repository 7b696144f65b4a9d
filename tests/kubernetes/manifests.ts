// The plain manifests as the chart gives them, one file for each template. Writing them is render.ts's, comparing them the test's.

import { join } from 'node:path'
import { render } from '../harness/helm.ts'

const FOLDER = join(import.meta.dir, '..', '..', 'deploy', 'kubernetes')

export const MANIFESTS_FOLDER = join(FOLDER, 'manifests')

const HEAD =
  '# Written by `bun run kubernetes` from deploy/helm/weir: change values.yaml, not this.\n'

/** Of helm's own bookkeeping, which has no meaning without it. */
const HELM_LINES = /^ +(?:helm\.sh\/chart: .*|app\.kubernetes\.io\/managed-by: Helm)\n/gm

/** Texts by file names. */
export async function plainManifests(helm: string): Promise<ReadonlyMap<string, string>> {
  const text = await render(helm, {
    valueFiles: [join(FOLDER, 'values.yaml')],
    namespace: 'weir',
    args: ['--skip-tests', '--no-hooks'],
  })
  const files = new Map<string, string>()
  for (const part of text.split(/^---\n/m)) {
    const [, name] = /^# Source: weir\/templates\/(\S+)\n/.exec(part) ?? []
    if (name === undefined) continue
    const body = part.slice(part.indexOf('\n') + 1).replace(HELM_LINES, '')
    const before = files.get(name)
    files.set(name, before === undefined ? HEAD + body : `${before}---\n${body}`)
  }
  return new Map([...files].toSorted(([a], [b]) => a.localeCompare(b)))
}
