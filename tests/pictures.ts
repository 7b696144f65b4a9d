// Makes the pictures of README and of the guide, as `docs/images/*.png`, from a real run: the executable, a month of made-up requests in its
// log, and a browser. Run by `bun run pictures` when the UI has changed; no test compares them.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seedSqlite } from '../bench/seed-requests.ts'
import { startBrowser, until, type WatchedPage } from './harness/browser.ts'
import { smallerPng } from './harness/png.ts'
import { startWeir } from './harness/weir.ts'

const FOLDER = join(import.meta.dir, '..', 'docs', 'images')
const ROWS = 60_000
const VIEWPORT = { width: 1440, height: 900 }

/** Above it a page of a code host takes its time. */
const BYTES_MAX = 200 * 1024

const target = (provider: string, model: string, order = 0) => ({ provider, model, order })

const CONFIG = {
  providers: [
    { id: 'mock', type: 'mock' },
    { id: 'openai', type: 'openai', keys: ['sk-of-a-picture-0123456789'] },
    { id: 'anthropic', type: 'anthropic', keys: ['sk-ant-of-a-picture-0123456789'] },
    { id: 'ollama', type: 'ollama', base_url: 'http://127.0.0.1:11434' },
  ],
  models: [
    {
      id: 'fast',
      targets: [target('openai', 'gpt-5-mini'), target('anthropic', 'claude-haiku-4-5', 1)],
    },
    { id: 'smart', targets: [target('anthropic', 'claude-sonnet-4-5')] },
  ],
}

async function take(watched: WatchedPage, name: string): Promise<void> {
  mkdirSync(FOLDER, { recursive: true })
  const path = join(FOLDER, `${name}.png`)
  // Charts draw a frame after their figures are there.
  await watched.page.evaluate(
    'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
  )
  const picture = smallerPng(await watched.page.screenshot())
  const { byteLength } = picture
  if (byteLength > BYTES_MAX) throw new Error(`${path}: ${byteLength} bytes of ${BYTES_MAX}`)
  writeFileSync(path, picture)
  process.stdout.write(`${path}  ${byteLength} bytes\n`)
}

const weir = await startWeir({ config: CONFIG })
try {
  seedSqlite(join(weir.dataFolder, 'weir-log.db'), ROWS, Date.now() - 60_000)
  await using browser = await startBrowser({ viewport: VIEWPORT })

  const home = await browser.open(`${weir.url}/ui?range=7d&by=model`)
  await home.page.getByRole('figure', { name: 'Requests over time' }).waitFor()
  await home.page.getByRole('button', { name: 'Dismiss' }).click()
  await until(home, "document.querySelectorAll('.chart canvas').length === 4")
  await take(home, 'home')

  const requests = await browser.open(`${weir.url}/ui/requests?range=7d`)
  await requests.page
    .getByRole('complementary', { name: 'Counts by value' })
    .getByText(/[\d,]+ requests/)
    .first()
    .waitFor()
  await until(requests, "document.querySelectorAll('.list-body .list-row').length > 10")
  await take(requests, 'requests')
} finally {
  await weir.stop()
}
