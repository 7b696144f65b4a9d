// What is read beside a relayed answer, from whole bodies and from the ends of streams.

import { describe, expect, test } from 'bun:test'
import { openaiTap } from './tap.ts'

const frames = (...data: string[]) => data.map((text) => ({ data: text }))
const TEXT =
  '{"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}'
const END = '{"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
const USAGE = '{"choices":[],"usage": {"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'

describe('the tap', () => {
  test('a cut stream is not complete, and a broken frame is passed over', () => {
    expect(openaiTap.readFrames([])).toEqual({ complete: false })
    expect(openaiTap.readFrames(frames(TEXT, '{"usage":{"prom'))).toEqual({
      complete: false,
      model: 'm',
    })
  })

  test('an error makes even a finished stream incomplete', () => {
    const reading = openaiTap.readFrames(
      frames(TEXT, END, '{"error":{"code":400,"message":"late"}}', '[DONE]'),
    )
    expect(reading).toMatchObject({ complete: false, error: { message: 'late', code: '400' } })
  })

  test('usage, finish, model; [DONE] or a finish is the end', () => {
    const expected = {
      complete: true,
      usage: { inputTokens: 3, outputTokens: 2 },
      finish: 'stop',
      model: 'm',
    }
    expect(openaiTap.readFrames(frames(TEXT, END, USAGE, '[DONE]'))).toEqual(expected)
    expect(openaiTap.readFrames(frames(TEXT, END, USAGE))).toEqual(expected)
  })

  test('words in the text are not taken for members', () => {
    const trap =
      '{"model":"m","choices":[{"delta":{"content":"\\"finish_reason\\":\\"stop\\" \\"error\\":"}}]}'
    expect(openaiTap.readFrames(frames(trap))).toEqual({ complete: false, model: 'm' })
  })

  test('whole bodies, and an error under status 200', () => {
    expect(
      openaiTap.readResponse({
        model: 'e',
        data: [],
        usage: { prompt_tokens: 4, total_tokens: 4 },
      }),
    ).toEqual({
      complete: true,
      model: 'e',
      usage: { inputTokens: 4 },
    })
    expect(openaiTap.readResponse({ error: { message: 'no' } })).toEqual({
      complete: false,
      error: { message: 'no' },
    })
  })
})
