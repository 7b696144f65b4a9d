// Writes the plain manifests of deploy/kubernetes from the chart: `bun run kubernetes`. Needs helm, or Go to build it with.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goTool } from '../harness/go-tools.ts'
import { MANIFESTS_FOLDER, plainManifests } from './manifests.ts'

const found = await goTool('helm')
if ('missing' in found) {
  process.stderr.write(`No helm: ${found.missing}\n`)
  process.exit(1)
}
const manifests = await plainManifests(found.path)
rmSync(MANIFESTS_FOLDER, { recursive: true, force: true })
mkdirSync(MANIFESTS_FOLDER, { recursive: true })
for (const [name, text] of manifests) writeFileSync(join(MANIFESTS_FOLDER, name), text)
process.stdout.write(`${[...manifests.keys()].join('\n')}\n`)
