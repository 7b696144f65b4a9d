// The bucket as a real server answers for it: the list given, the credential refused, nobody there. No secret is in what is told.

import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { bucketFinding } from './doctor-bucket.ts'
import { StepFailure } from './doctor-steps.ts'

const SECRET = 'canary-0123456789-secret'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function bucketAt(endpoint: string) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-doctor-bucket-'))
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const s3 = {
    endpoint,
    region: 'eu-central-1',
    bucket: 'b',
    access_key: 'AKIA12345678',
    secret_key: SECRET,
  }
  writeFileSync(join(folder, 'weir.json'), JSON.stringify({ content_store: { s3 } }))
  const environment = { WEIR_NO_ENV_PROVIDERS: '1' }
  const surroundings = {
    platform: process.platform,
    environment,
    home: folder,
    workingFolder: folder,
  }
  return loadConfig({ flags: { config: join(folder, 'weir.json') }, surroundings }).config
}

function serve(answer: () => Response): string {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer })
  ends.push(() => server.stop(true))
  return `http://127.0.0.1:${server.port}`
}

async function failure(endpoint: string): Promise<string> {
  try {
    await bucketFinding(bucketAt(endpoint))
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error
    const text = JSON.stringify(error.advice)
    expect(text).not.toContain(SECRET)
    return text
  }
  throw new Error('it did not fail')
}

test('one that gives its list is well, and none configured is none', async () => {
  const list = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
  const url = serve(() => new Response(list, { headers: { 'content-type': 'application/xml' } }))
  expect(await bucketFinding(bucketAt(url))).toBe('b answers')
  const { contentStore: _none, ...without } = bucketAt(url)
  expect(await bucketFinding(without)).toEqual({ skipped: 'none configured' })
})

test('a refused credential and nobody there are told apart', async () => {
  const xml = '<Error><Code>AccessDenied</Code><Message>no</Message></Error>'
  const refusing = serve(() => new Response(xml, { status: 403 }))
  expect(await failure(refusing)).toContain('refuses (403 AccessDenied)')
  const gone = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() })
  const url = `http://127.0.0.1:${gone.port}`
  await gone.stop(true)
  expect(await failure(url)).toContain('is not reached')
})
