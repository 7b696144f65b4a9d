// A newcomer with the executable alone: nothing configured, nothing in the environment, an empty folder. From the address that the start prints
// to an answer in the playground and one in the OpenAI SDK, in a real browser, with the clock running.

import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { isObject } from '../src/core/json.ts'
import { startUpstream, type CapturedRequest, type Upstream } from '../src/testing/upstream.ts'
import { expectQuiet, isBrowserMissing, startBrowser, type WatchedPage } from './harness/browser.ts'
import { executablePath } from './harness/weir.ts'

const LIMIT_MS = 120_000
const PROVIDER_KEY = 'sk-of-the-newcomer-0123456789'
const repository = join(import.meta.dir, '..')

setDefaultTimeout(LIMIT_MS)

const ended: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

interface Started {
  /** What it prints for people to open. */
  readonly address: string
  readonly stdout: () => string
}

/** The executable alone, as somebody starts it who has just downloaded it. */
async function startAlone(): Promise<Started> {
  const home = mkdtempSync(join(tmpdir(), 'weir-newcomer-'))
  const child = Bun.spawn([executablePath(), '--port', '0'], {
    cwd: home,
    env: { HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  ended.push(async () => {
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    rmSync(home, { recursive: true, force: true })
  })
  let text = ''
  const decoder = new TextDecoder()
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const reading = async () => {
    for await (const bytes of child.stdout) {
      text += decoder.decode(bytes, { stream: true })
      const address = /open\s+(http:\/\/\S+)/.exec(text)?.[1]
      if (address !== undefined) resolve(address)
    }
    reject(new Error(`It ended without an address to open:\n${text}`))
  }
  void reading()
  return { address: await promise, stdout: () => text }
}

/** A server of a model, as one runs on the own machine or is rented: compatible with OpenAI's, and it wants its key. */
function startModelServer(): Upstream {
  const upstream = startUpstream(answerOf)
  ended.push(async () => await upstream.close())
  return upstream
}

function answerOf(request: CapturedRequest): Response {
  if (request.headers['authorization'] !== `Bearer ${PROVIDER_KEY}`) {
    const error = { message: 'Incorrect API key provided.', type: 'invalid_request_error' }
    return Response.json(
      { error: { ...error, param: null, code: 'invalid_api_key' } },
      { status: 401 },
    )
  }
  if (request.method === 'GET') {
    const data = [{ id: 'little-river', object: 'model', created: 1, owned_by: 'us' }]
    return Response.json({ object: 'list', data })
  }
  const body = request.json()
  const base = { id: 'chatcmpl-1', created: 1, model: 'little-river' }
  const words = ['Water ', 'finds ', 'its ', 'way.']
  const usage = { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 }
  if (!isObject(body) || body['stream'] !== true) {
    const message = { role: 'assistant', content: words.join('') }
    const choices = [{ index: 0, message, finish_reason: 'stop' }]
    return Response.json({ ...base, object: 'chat.completion', choices, usage })
  }
  const chunk = (choices: object[], more: object = {}) =>
    `data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`
  const lines = [
    ...words.map((content) => chunk([{ index: 0, delta: { content }, finish_reason: null }])),
    chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
    chunk([], { usage }),
    'data: [DONE]\n\n',
  ]
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const line = lines.shift()
      if (line === undefined) controller.close()
      else controller.enqueue(new TextEncoder().encode(line))
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

async function open(address: string): Promise<WatchedPage> {
  const browser = await startBrowser()
  ended.push(async () => await browser[Symbol.asyncDispose]())
  await browser.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  return await browser.open(address)
}

const heading = (page: Page, name: string | RegExp) =>
  page.getByRole('heading', { level: 1, name }).waitFor()

/** A step of the first page, which leads to where it is done. */
async function step(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Home' }).click()
  await heading(page, 'Home')
  await page.getByRole('main').getByRole('link', { name, exact: true }).click()
}

const copied = (page: Page) => page.evaluate<string>('navigator.clipboard.readText()')

/** Asks in the playground. @returns the answer, when it has ended */
async function askInPlayground(page: Page, model: string, question: string): Promise<string> {
  await heading(page, 'Playground')
  await page.getByRole('combobox', { name: 'Model' }).fill(model)
  const message = page.getByRole('textbox', { name: 'Message' })
  await message.fill(question)
  await message.press('Enter')
  const answer = page.getByRole('article', { name: `Answer of ${model}` })
  await answer.getByText('First token').waitFor()
  return (await answer.textContent()) ?? ''
}

/** Runs lines as they were copied, with the real package beside them. */
async function runCopied(text: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-newcomer-program-'))
  ended.push(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'hello.mjs'), text)
  const child = Bun.spawn([process.execPath, 'run', 'hello.mjs'], {
    cwd: folder,
    env: { HOME: folder, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  expect([await child.exited, error.trim()]).toEqual([0, ''])
  return out.trim()
}

/** Lines of Connect for the OpenAI SDK, with the key that was pasted, from the clipboard. */
async function copyLines(page: Page, model: string, key: string): Promise<string> {
  await heading(page, 'Connect')
  await page.getByRole('button', { name: 'OpenAI SDK (JavaScript)' }).click()
  await page.getByRole('combobox', { name: 'Model' }).fill(model)
  await page.getByRole('textbox', { name: 'Key' }).fill(key)
  const lines = page.locator('figure', { hasText: 'hello.mjs' })
  await lines.getByText(model).first().waitFor()
  await lines.getByText(key).first().waitFor()
  await lines.getByRole('button', { name: 'Copy code' }).click()
  await lines.getByText('Copied').first().waitFor()
  return await copied(page)
}

async function makeKey(page: Page, name: string): Promise<string> {
  await heading(page, 'Keys')
  await page.getByRole('button', { name: 'Create key' }).first().click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill(name)
  await form.getByRole('button', { name: 'Create key' }).click()
  const made = page.getByRole('dialog', { name: `Key ${name} is made` })
  await made.getByRole('button', { name: 'Copy code' }).click()
  await made.getByText('Copied').first().waitFor()
  const key = await copied(page)
  expect(key).toMatch(/^weir_[0-9A-Za-z]{46}$/)
  await made.getByRole('link', { name: 'Connect a tool' }).click()
  return key
}

describe.skipIf(isBrowserMissing())('a newcomer', () => {
  test('goes from nothing to an answer in the playground and in the OpenAI SDK', async () => {
    const upstream = startModelServer()
    const fromMs = performance.now()
    const { address, stdout } = await startAlone()
    const watched = await open(address)
    const { page } = watched
    await heading(page, 'Home')
    const homeMs = performance.now() - fromMs

    await step(page, 'Add a provider')
    await heading(page, 'Providers')
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: /Another server/ }).click()
    await dialog.getByLabel('Name').fill('river')
    await dialog.getByLabel(/address|url/i).fill(`${upstream.url}/v1`)
    // A wrong key first, as it happens: it is said before anything is saved.
    await dialog.getByLabel(/key/i).last().fill('sk-mistyped')
    await dialog.getByRole('button', { name: 'Try it' }).click()
    await dialog
      .getByText(/does not take the key|refuse|not accept|401/i)
      .first()
      .waitFor()
    await dialog.getByLabel(/key/i).last().fill(PROVIDER_KEY)
    await dialog.getByRole('button', { name: 'Add provider' }).click()
    await heading(page, /river/)

    await step(page, 'Make a key')
    const key = await makeKey(page, 'first')
    const lines = await copyLines(page, 'river/little-river', key)

    await step(page, 'Send a request')
    const answer = await askInPlayground(page, 'river/little-river', 'What does water do?')
    expect(answer).toContain('Water finds its way.')
    expect(answer).toContain('river/little-river')
    const askedMs = performance.now() - fromMs
    // Nothing is left to do first: every step has ticked itself off, and all of them are gone.
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Home' }).click()
    await heading(page, 'Home')
    await page.getByRole('heading', { name: 'First steps' }).waitFor({ state: 'detached' })

    expect(await runCopied(lines)).toBe('Water finds its way.')
    const wholeMs = performance.now() - fromMs
    process.stdout.write(
      `newcomer: home after ${seconds(homeMs)}, answered in the playground after ${seconds(askedMs)}, in the OpenAI SDK after ${seconds(wholeMs)}\n`,
    )
    expect(wholeMs).toBeLessThan(LIMIT_MS)
    // Both came to the model, with the provider's key and never with ours.
    const asked = upstream.requests.filter(({ method }) => method === 'POST')
    expect(asked.length).toBeGreaterThanOrEqual(2)
    expect(upstream.requests.some(({ headers }) => JSON.stringify(headers).includes(key))).toBe(
      false,
    )
    expect(stdout()).not.toContain(key)
    expectQuiet(watched)
  })

  test('without a network and without a provider has the mock, and gets as far', async () => {
    const fromMs = performance.now()
    const { address } = await startAlone()
    const watched = await open(address)
    const { page } = watched
    await step(page, 'Make a key')
    const key = await makeKey(page, 'offline')
    const lines = await copyLines(page, 'mock/echo', key)
    await step(page, 'Send a request')
    expect(await askInPlayground(page, 'mock/echo', 'Is anybody there?')).toContain(
      'Is anybody there?',
    )
    expect(await runCopied(lines)).toBe('Say hello.')
    process.stdout.write(`newcomer, offline: ${seconds(performance.now() - fromMs)}\n`)
    expectQuiet(watched)
  })
})

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
