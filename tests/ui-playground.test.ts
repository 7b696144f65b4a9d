// The playground in a real browser, against the executable and its mock provider, and against a provider of ours where a test wants to see what
// it is asked: streaming, stopping, several models at once, tools, pictures, and every way in which an answer fails.

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { json, HeldStream } from '../src/testing/upstream-answers.ts'
import { startUpstream, type Answer, type Upstream } from '../src/testing/upstream.ts'
import {
  axe,
  BROWSER_TEST_LIMIT_MS,
  expectQuiet,
  isBrowserMissing,
  PHONE,
  screenshots,
  startBrowser,
  until,
  type TestBrowser,
  type WatchedPage,
  untilNarrow,
} from './harness/browser.ts'
import { startWeir, type Weir } from './harness/weir.ts'

const withoutBrowser = isBrowserMissing()

setDefaultTimeout(BROWSER_TEST_LIMIT_MS)

/** One transparent pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

function chunk(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }]
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`
}

describe.skipIf(withoutBrowser)('the playground', () => {
  let weir: Weir
  let browser: TestBrowser
  let upstream: Upstream
  let watched: WatchedPage

  beforeAll(async () => {
    upstream = startUpstream()
    weir = await startWeir({
      config: {
        log: { requests: 'content' },
        providers: [
          {
            id: 'own',
            type: 'custom',
            compatible: 'openai',
            base_url: `${upstream.url}/v1`,
            keys: ['sk-of-a-test-0123456789'],
            retries: { max: 0 },
          },
          { id: 'mock', type: 'mock' },
        ],
        models: [
          {
            id: 'priced',
            targets: [{ provider: 'own', model: 'm' }],
            price: { input: 1, output: 2 },
          },
        ],
      },
    })
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.[Symbol.asyncDispose]()
    await weir?.stop()
    await upstream?.close()
  })

  beforeEach(() => {
    watched = undefined as unknown as WatchedPage
  })

  afterEach(async () => {
    if (watched !== undefined) expectQuiet(watched)
    await watched?.page.close()
  })

  async function open(model: string, more = ''): Promise<WatchedPage['page']> {
    watched = await browser.open(
      `${weir.url}/ui/playground?model=${encodeURIComponent(model)}${more}`,
    )
    await watched.page.getByRole('heading', { level: 1, name: 'Playground' }).waitFor()
    return watched.page
  }

  async function say(text: string): Promise<void> {
    const { page } = watched
    await page.getByRole('textbox', { name: 'Message' }).fill(text)
    await page.getByRole('textbox', { name: 'Message' }).press('Enter')
  }

  const answerOf = (model: string, at = 0) =>
    watched.page.getByRole('article', { name: `Answer of ${model}` }).nth(at)

  async function clean(): Promise<void> {
    for (const colorScheme of ['dark', 'light'] as const) {
      await watched.page.emulateMedia({ colorScheme })
      expect({ colorScheme, found: await axe(watched) }).toEqual({ colorScheme, found: [] })
    }
  }

  /** What is answered to whatever is said from now on, the last again and again. The list of models is asked for at any time beside it. */
  function play(...answers: Answer[]): void {
    upstream.play((request) => {
      if (request.method !== 'POST') return new Response(null, { status: 404 })
      const answer = answers.length > 1 ? answers.shift() : answers[0]
      return answer?.(request) ?? new Response(null, { status: 501 })
    })
  }

  const lastBody = () =>
    upstream.requests.findLast(({ method }) => method === 'POST')?.json() as Record<string, unknown>

  test('shows an answer as it comes, what it took, and says it once to who hears the page', async () => {
    const held = new HeldStream()
    play(held.answer)
    const page = await open('priced')
    await say('How are you?')
    held.write(chunk({ role: 'assistant', content: 'Gut, ' }))
    const answer = answerOf('priced')
    await answer.getByText('Gut,').waitFor()
    expect(await answer.getAttribute('aria-busy')).toBe('true')
    const heard = page.getByRole('log', { name: 'Answers' })
    expect(await heard.textContent()).toBe('')
    held.write(chunk({ content: 'danke 🌊.\n```js\nlet a = 1\n```\nEnde' }, 'stop'))
    held.write(
      'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}}\n\n',
    )
    held.write('data: [DONE]\n\n')
    held.end()
    await answer.getByText('danke 🌊.').waitFor()
    await answer.getByText('let a = 1').waitFor()
    await answer.getByText('own/m').waitFor()
    // 1,000 tokens at $1 and 500 at $2 per million.
    await answer.getByText('≈ $0.002').waitFor()
    for (const words of ['First token', 'Total', 'Tokens']) await answer.getByText(words).waitFor()
    expect(await heard.textContent()).toContain('priced says: Gut, danke')
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('')
    expect(lastBody()).toMatchObject({
      stream: true,
      messages: [{ role: 'user', content: 'How are you?' }],
    })
    await clean()
    const id = (await answer.getByRole('link', { name: 'Request' }).getAttribute('href'))
      ?.split('/')
      .at(-1)
    expect(await weir.row(id ?? '')).toMatchObject({
      endpoint: '/admin/playground/chat/completions',
      operation: 'chat',
      status: 200,
    })
  })

  test('a list of models that comes while one types does not mix into what is typed', async () => {
    const path = '**/admin/playground/models*'
    const listed = Promise.withResolvers<void>()
    watched = await browser.open('about:blank')
    const { page } = watched
    await page.route(path, async (route) => {
      await listed.promise
      await route.continue()
    })
    await page.goto(`${weir.url}/ui/playground`)
    const model = page.getByRole('combobox', { name: 'Model' })
    await model.focus()
    await model.press('p')
    await model.press('Backspace')
    listed.resolve()
    // The first of the list is chosen meanwhile: it shows once the field is left.
    await page.getByText(/tokens of context|price unknown|in, .* out per million/).waitFor()
    await page.keyboard.type('priced')
    expect(await model.inputValue()).toBe('priced')
    await page.getByRole('textbox', { name: 'Message' }).focus()
    expect(await model.inputValue()).toBe('priced')
  })

  test('keeps what is written and not sent for when the page is opened again', async () => {
    const page = await open('priced')
    const message = page.getByRole('textbox', { name: 'Message' })
    await message.fill('not yet')
    await page.reload()
    await until(watched, "document.querySelector('.pg-composer textarea')?.value === 'not yet'")
    await message.fill('')
  })

  test('sends the whole conversation and every setting, and nothing that is not set', async () => {
    play(
      json({
        choices: [
          { index: 0, message: { role: 'assistant', content: 'First.' }, finish_reason: 'stop' },
        ],
      }),
    )
    const page = await open('priced')
    await page.getByLabel('System prompt').fill('Be brief.')
    await page.getByRole('switch', { name: 'Stream' }).click()
    await page.getByLabel('Temperature').fill('0.5')
    await page.getByLabel('Top p').fill('0.9')
    await page.getByLabel('Max tokens').fill('64')
    await page.getByLabel('Seed').fill('0')
    await page.getByLabel('Stop optional').fill('END')
    await page.getByLabel('Stop optional').press('Enter')
    await page.getByLabel('Reasoning effort').selectOption('low')
    await page.getByLabel('Answer as').selectOption('json_object')
    await say('One')
    await answerOf('priced').getByText('First.').waitFor()
    await say('Two')
    await answerOf('priced', 1).getByText('First.').waitFor()
    expect(lastBody()).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'One' },
        { role: 'assistant', content: 'First.' },
        { role: 'user', content: 'Two' },
      ],
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 64,
      seed: 0,
      stop: ['END'],
      reasoning_effort: 'low',
      response_format: { type: 'json_object' },
    })
    // Editing takes back what followed.
    await page.getByRole('button', { name: 'Edit, and ask again from here' }).first().click()
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('One')
    expect(await page.getByRole('article').count()).toBe(0)
    await say('Other')
    await answerOf('priced').getByText('First.').waitFor()
    expect((lastBody()['messages'] as unknown[]).length).toBe(2)
    // It is all there again after a reload, and gone when it is cleared.
    await page.reload()
    await answerOf('priced').getByText('First.').waitFor()
    expect(await page.getByLabel('Temperature').inputValue()).toBe('0.5')
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Clear' }).click()
    await page.getByText('Nothing said yet.').waitFor()
    await page.getByRole('button', { name: 'Reset' }).click()
    expect(await page.getByLabel('System prompt').inputValue()).toBe('')
  })

  test('asks several models at once, and stops one or all of them', async () => {
    // They go on for as long as nobody stops them.
    const [endless, endlessToo] = [new HeldStream(), new HeldStream()]
    play(endless.answer, endlessToo.answer)
    const page = await open('mock/echo')
    await page.getByRole('button', { name: 'Compare' }).click()
    await page.getByRole('combobox', { name: 'Model 2' }).fill('mock/reasoning')
    await page.getByRole('button', { name: 'Compare' }).click()
    await page.getByRole('combobox', { name: 'Model 3' }).fill('priced')
    await say('A question that is asked of all of them')
    endless.write(chunk({ role: 'assistant', content: 'Once upon a time' }))
    await answerOf('mock/echo').getByText('Total').waitFor()
    const thinking = answerOf('mock/reasoning')
    await thinking.getByText('Reasoning', { exact: true }).waitFor()
    const slow = answerOf('priced')
    await slow.getByText('Once upon a time').waitFor()
    await slow.getByRole('button', { name: 'Stop priced' }).click()
    await slow.getByText('stopped').waitFor()
    // While one of them answers, nothing more is sent.
    await thinking.getByText('Total').waitFor()
    await screenshots(watched, 'playground-compare')
    await clean()
    // The end of what is said stays in sight, above where one writes.
    await say('Once more')
    await answerOf('mock/echo', 1).getByText('Total').waitFor()
    await until(
      { page },
      `document.querySelector('.pg-thread').getBoundingClientRect().bottom <=
        document.querySelector('.pg-composer').getBoundingClientRect().top`,
    )
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await page.setViewportSize(PHONE)
    await untilNarrow({ page })
    await clean()
    await screenshots(watched, 'playground-phone')
  })

  test('ends the work of the provider when it is stopped, and keeps what came', async () => {
    const held = new HeldStream()
    play(held.answer)
    const page = await open('priced')
    await say('A long story')
    held.write(chunk({ role: 'assistant', content: 'Once upon a time' }))
    const answer = answerOf('priced')
    await answer.getByText('Once upon a time').waitFor()
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await held.cancelled
    await answer.getByText('stopped').waitFor()
    expect(await answer.textContent()).toContain('Once upon a time')
    const id = (await answer.getByRole('link', { name: 'Request' }).getAttribute('href'))
      ?.split('/')
      .at(-1)
    expect(await weir.row(id ?? '')).toMatchObject({ status: 499 })
    // What came is part of the conversation.
    play(
      json({
        choices: [
          { index: 0, message: { role: 'assistant', content: 'The end.' }, finish_reason: 'stop' },
        ],
      }),
    )
    await say('And then?')
    await answerOf('priced', 1).getByText('The end.').waitFor()
    expect(lastBody()['messages']).toEqual([
      { role: 'user', content: 'A long story' },
      { role: 'assistant', content: 'Once upon a time' },
      { role: 'user', content: 'And then?' },
    ])
  })

  test('shows an answer that breaks off with an error in its middle', async () => {
    await open('mock/error-in-stream')
    await say('words that are enough for a few of them to come before the error does')
    const answer = answerOf('mock/error-in-stream')
    await answer.getByText('It broke off').waitFor()
    expect(await answer.textContent()).toContain('words')
  })

  test('says what went wrong, in words, and asks again', async () => {
    const page = await open('mock/status-429')
    await say('Hello')
    const refused = answerOf('mock/status-429')
    await refused.getByText('It was not answered (429)').waitFor()
    await page.getByRole('combobox', { name: 'Model' }).fill('mock/cut')
    await refused.getByRole('button', { name: 'Ask mock/cut again' }).click()
    await answerOf('mock/cut').getByText('It broke off').waitFor()
    await clean()
    await page.getByRole('combobox', { name: 'Model' }).fill('nowhere/none')
    await answerOf('mock/cut').getByRole('button', { name: 'Ask nowhere/none again' }).click()
    await answerOf('nowhere/none').getByText('does not exist').waitFor()
    await page.getByRole('combobox', { name: 'Model' }).fill('mock/echo')
    await answerOf('nowhere/none').getByRole('button', { name: 'Ask mock/echo again' }).click()
    await answerOf('mock/echo').getByText('Total').waitFor()
    expect(watched.take(/status of (?:429|404)/).length).toBe(2)
    watched.take(/ERR_|50\d/)
  })

  test('shows calls of tools and sends what they give', async () => {
    const held = new HeldStream()
    const after = json({
      choices: [
        { index: 0, message: { role: 'assistant', content: 'It rains.' }, finish_reason: 'stop' },
      ],
    })
    play(held.answer, after)
    const page = await open('priced')
    await page.getByRole('textbox', { name: 'Tools' }).fill('{"name":')
    await say('Weather?')
    await page.getByText('This is not JSON').waitFor()
    await page.getByRole('textbox', { name: 'Tools' }).fill('')
    await page.getByRole('button', { name: 'Insert an example' }).click()
    await page.getByRole('textbox', { name: 'Message' }).press('Enter')
    held.write(
      chunk({
        tool_calls: [
          {
            index: 0,
            id: 'call_1',
            type: 'function',
            function: { name: 'get_weather', arguments: '{"to' },
          },
        ],
      }),
    )
    held.write(chunk({ tool_calls: [{ index: 0, function: { arguments: 'wn":"Ulm"}' } }] }))
    held.write(`${chunk({}, 'tool_calls')}data: [DONE]\n\n`)
    held.end()
    const answer = answerOf('priced')
    await answer.getByText('"Ulm"').waitFor()
    await clean()
    await answer.getByLabel('What get_weather gives').fill('rain, 8 °C')
    await answer.getByRole('button', { name: 'Send results' }).click()
    await answer.getByText('It rains.').waitFor()
    expect((lastBody()['messages'] as unknown[]).slice(1)).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'call_1',
            type: 'function',
            function: { name: 'get_weather', arguments: '{"town":"Ulm"}' },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain, 8 °C' },
    ])
    expect(lastBody()['tools']).toMatchObject([
      { type: 'function', function: { name: 'get_weather' } },
    ])
  })

  test('sends pictures, and refuses what is none', async () => {
    play(
      json({
        choices: [
          { index: 0, message: { role: 'assistant', content: 'A dot.' }, finish_reason: 'stop' },
        ],
      }),
    )
    const page = await open('priced')
    const files = page.locator('input[type=file]')
    await files.setInputFiles([
      { name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(PIXEL, 'base64') },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') },
    ])
    await page.getByText('notes.txt is no PNG').waitFor()
    await page.getByRole('img', { name: 'dot.png' }).waitFor()
    await clean()
    // Pasted, as from a screen.
    await page.evaluate(`(() => {
      const bytes = Uint8Array.from(atob('${PIXEL}'), (each) => each.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([bytes], 'pasted.png', { type: 'image/png' }))
      document.querySelector('.pg-composer textarea').dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
    })()`)
    await page.getByRole('button', { name: 'Remove pasted.png' }).click()
    await say('What is it?')
    await answerOf('priced').getByText('A dot.').waitFor()
    expect(lastBody()['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
        ],
      },
    ])
  })

  test('a request of the log is loaded, and sent when one says so', async () => {
    const asked = await fetch(`${weir.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'mock/echo',
        temperature: 0.25,
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'Before' },
          { role: 'assistant', content: 'Yes?' },
          { role: 'user', content: 'Say it again' },
        ],
      }),
    })
    await asked.text()
    const id = asked.headers.get('x-request-id') ?? ''
    await weir.row(id)
    const page = await open('mock/echo', `&replay=${id}`)
    await page.getByText('The request is loaded.').waitFor()
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('Say it again')
    expect(await page.getByLabel('System prompt').inputValue()).toBe('Be kind.')
    expect(await page.getByLabel('Temperature').inputValue()).toBe('0.25')
    await answerOf('mock/echo').getByText('Yes?').waitFor()
    expect(new URL(page.url()).searchParams.has('replay')).toBe(false)
    await page.getByRole('textbox', { name: 'Message' }).press('Enter')
    await answerOf('mock/echo', 1).getByText('Total').waitFor()
  })

  test('is told as code', async () => {
    const page = await open('mock/echo')
    await page.getByRole('textbox', { name: 'Message' }).fill("It's me")
    await page.getByRole('button', { name: 'As code' }).click()
    const dialog = page.getByRole('dialog', { name: 'As code' })
    await dialog.getByText('curl', { exact: true }).waitFor()
    expect(await dialog.textContent()).toContain(String.raw`It'\''s me`)
    await clean()
    await dialog.getByRole('link', { name: 'Lines for other tools' }).click()
    await page.getByRole('heading', { level: 1, name: 'Connect' }).waitFor()
  })
})
