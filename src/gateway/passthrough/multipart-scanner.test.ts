import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../../core/error.ts'
import { LIMITS } from '../../core/limits.ts'
import { cpuMsOf } from '../../testing/cpu-time.ts'
import { checkParameters } from '../../testing/seed.ts'
import { boundaryOf, formType } from './multipart-head.ts'
import { MultipartScanner, type FormFields } from './multipart-scanner.ts'

const WANTED = new Set(['model', 'stream'])
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))

function scan(
  body: string | Uint8Array,
  boundary = 'b',
  size = Number.MAX_SAFE_INTEGER,
): FormFields {
  const bytes = typeof body === 'string' ? bytesOf(body) : body
  const scanner = new MultipartScanner(boundary, WANTED)
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size))
  return scanner.end()
}

function refusal(body: string, size?: number): GatewayError {
  try {
    scan(body, 'b', size)
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
  throw new Error('it was taken')
}

const part = (name: string, value: string, more = '') =>
  `--b\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`

describe('broken or ambiguous forms are refused, however they are cut', () => {
  const model = part('model', 'm')
  test.each([
    ['nothing', ''],
    ['no boundary at its start', `x${model}--b--`],
    ['a preamble', `hello\r\n${model}--b--`],
    ['no closing boundary', model],
    ['an end inside the closing boundary', `${model}--b-`],
    ['an end inside a header', '--b\r\ncontent-dispo'],
    ['an end inside a value', '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nabc'],
    ['something after the end', `${model}--b--\r\n${model}--b--`],
    ['a long blank end', `${model}--b--${' '.repeat(200)}`],
    ['a part without a name', `--b\r\ncontent-type: text/plain\r\n\r\nx\r\n--b--`],
    ['a part without a header', `--b\r\n\r\nx\r\n--b--`],
    [
      'two names in one header',
      `--b\r\ncontent-disposition: form-data; name="a"; name="model"\r\n\r\nx\r\n--b--`,
    ],
    [
      'two dispositions',
      `--b\r\ncontent-disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="model"\r\n\r\nx\r\n--b--`,
    ],
    [
      'an extended name',
      `--b\r\ncontent-disposition: form-data; name="a"; name*=utf-8''model\r\n\r\nx\r\n--b--`,
    ],
    [
      'an escaped quote',
      `--b\r\ncontent-disposition: form-data; filename="a\\"; name="model"; x="\r\n\r\nx\r\n--b--`,
    ],
    [
      'an escape in a name',
      `--b\r\ncontent-disposition: form-data; name="mo\\del"\r\n\r\nx\r\n--b--`,
    ],
    [
      'a folded header',
      `--b\r\ncontent-disposition: form-data;\r\n name="model"\r\n\r\nx\r\n--b--`,
    ],
    [
      'a header with a bare line feed',
      `--b\r\nx: y\ncontent-disposition: form-data; name="model"\r\n\r\nx\r\n--b--`,
    ],
    [
      'a boundary after a bare line feed',
      `${part('file', `x\n${part('model', 'n')}`, '; filename="f"')}--b--`,
    ],
    ['a boundary after a bare carriage return', `${part('file', 'x\r--b', '; filename="f"')}--b--`],
    [
      'a boundary right after the header',
      `--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n--b--`,
    ],
    ['a boundary with more behind it', `${part('file', 'x\r\n--bc', '; filename="f"')}--b--`],
    [
      'space behind a boundary',
      `--b \r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n--b--`,
    ],
    ['the model twice', `${model}${part('model', 'other')}--b--`],
    ['the model as a file', `${part('model', 'm', '; filename="m.txt"')}--b--`],
    ['the model in a list', `${part('model[]', 'm')}--b--`],
    ['the model in other letters', `${part('Model', 'm')}--b--`],
    [
      'an encoded model',
      `--b\r\ncontent-disposition: form-data; name="model"\r\ncontent-transfer-encoding: base64\r\n\r\nbQ==\r\n--b--`,
    ],
    ['a model that is no UTF-8', `${part('model', '\xff\xfe')}--b--`],
    ['a model that is too long', `${part('model', 'm'.repeat(LIMITS.formFieldBytesMax + 1))}--b--`],
    [
      'a model without an end',
      `--b\r\ncontent-disposition: form-data; name="model"\r\n\r\n${'m'.repeat(10_000)}`,
    ],
    ['a header without an end', `--b\r\nx: ${'y'.repeat(LIMITS.formPartHeaderBytesMax)}`],
    ['too many parts', `${part('a', '').repeat(LIMITS.formPartsMax + 1)}--b--`],
  ])('%s', (_name, body) => {
    for (const size of [undefined, 1, 7]) {
      const error = refusal(body, size)
      expect(error.kind).toBe('invalid_request')
      expect(error.status).toBe(400)
    }
  })
})

describe('content types', () => {
  test.each([
    null,
    '',
    'application/json',
    'multipart/mixed; boundary=b',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data; boundary=a; boundary=b',
    `multipart/form-data; boundary=${'b'.repeat(71)}`,
    'multipart/form-data; boundary="a\\"b"',
    'multipart/form-data; boundary="a b "',
    'multipart/form-data; boundary=a{b',
    'multipart/form-data, boundary=b',
  ])('%p names no boundary', (type) => {
    expect(() => boundaryOf(type)).toThrow(GatewayError)
  })

  test.each([
    ['multipart/form-data; boundary=b', 'b'],
    ['Multipart/Form-Data; BOUNDARY="a b"', 'a b'],
    [
      'multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundaryAbC',
      '----WebKitFormBoundaryAbC',
    ],
  ])('%p names its boundary, and so does what is sent on', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary)
    expect(boundaryOf(formType(boundary))).toBe(boundary)
  })
})

test('what looks like a boundary in the middle of a line is data', () => {
  const body = `${part('file', 'a--b--b\r\n-b\r\n--\r\nx--b--', '; filename="f"')}${part('model', 'm')}--b--\r\n`
  for (const size of [undefined, 1, 3]) {
    expect(scan(body, 'b', size).get('model')?.value).toBe('m')
  }
})

test('a field is found at its place, whatever stands around it and wherever the bytes are cut', () => {
  const value = fc
    .string({ unit: 'grapheme', minLength: 0, maxLength: 40 })
    .filter((text) => !/[\r\n]/.test(text) && text.isWellFormed())
  const file = fc.uint8Array({ maxLength: 400 })
  fc.assert(
    fc.property(
      value,
      file,
      file,
      fc.integer({ min: 1, max: 50 }),
      fc.boolean(),
      (model, before, after, size, modelFirst) => {
        const boundary = 'Aa0--Bb'
        const field = Buffer.from(
          `--${boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\n${model}\r\n`,
        )
        const upload = (bytes: Uint8Array, name: string) =>
          Buffer.concat([
            Buffer.from(
              `--${boundary}\r\ncontent-type: a/b\r\nContent-Disposition: form-data; name="${name}"; filename="ü.bin"\r\n\r\n`,
            ),
            bytes,
            Buffer.from('\r\n'),
          ])
        const uploads = [upload(before, 'file'), upload(after, 'other')]
        const parts = modelFirst ? [field, ...uploads] : [uploads[0]!, field, uploads[1]!]
        const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)])
        const found = scan(body, boundary, size).get('model')!
        expect(found.value).toBe(model)
        expect(body.subarray(found.start, found.end).toString()).toBe(model)
      },
    ),
    checkParameters(300),
  )
})

test('it agrees with the runtime about forms that the runtime writes', async () => {
  const form = new FormData()
  form.append('file', new File([new Uint8Array(70_000).fill(0x2d)], 'speech "1".wav'))
  form.append('model', 'whisper-1')
  form.append('language', 'en')
  const response = new Response(form)
  const boundary = boundaryOf(response.headers.get('content-type'))
  const fields = scan(await response.bytes(), boundary, 4_096)
  expect(fields.get('model')?.value).toBe('whisper-1')
})

test('time is linear in the length of a body made of near boundaries', () => {
  const took = (length: number) => {
    const body = `${part('file', '\r-\n-b--b'.repeat(length / 8), '; filename="f"')}${part('model', 'm')}--b--`
    return cpuMsOf(() => scan(body, 'b', 65_536))
  }
  took(1_000_000)
  const small = Math.min(took(1_000_000), took(1_000_000), took(1_000_000))
  const large = Math.min(took(8_000_000), took(8_000_000))
  expect(large).toBeLessThan(8 * small * 4 + 50)
})
