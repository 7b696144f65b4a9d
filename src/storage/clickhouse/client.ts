// ClickHouse over its HTTP interface: one statement a request, rows as lines of JSON both ways. Everything goes through the transport, as whatever
// leaves this program does. It knows no table; whoever asks makes the statement, with every value written by `literal`.

import { GatewayError } from '../../core/error.ts'
import { isObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import type { NetworkSettings } from '../../core/catalog.ts'
import type { Transport } from '../../core/ports.ts'
import { describeFailure } from '../errors.ts'

export interface ClickHouseAddress {
  /** `http://host:8123`, without query and credentials. */
  readonly url: string
  readonly database: string
  readonly user: string
  readonly password: string
  readonly network: NetworkSettings
}

/** A statement that the server has refused: asking again changes nothing. */
export class ClickHouseRefusal extends Error {
  readonly status: number
  /** The server's own number of the error; undefined where it names none. */
  readonly code: number | undefined

  constructor(status: number, text: string) {
    super(text.slice(0, LIMITS.logErrorCharsMax))
    this.name = 'ClickHouseRefusal'
    this.status = status
    const code = /^Code: (\d+)/.exec(text)?.[1]
    this.code = code === undefined ? undefined : Number(code)
  }
}

/** A text, a number or whether, as ClickHouse's SQL writes it (https://clickhouse.com/docs/sql-reference/syntax#literals). */
export function literal(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('it is no number that a statement can hold')
    return Number.isInteger(value) ? value.toFixed(0) : String(value)
  }
  return `'${value.replace(/[\\'\0\b\f\n\r\t]/g, (sign) => ESCAPES[sign] ?? sign)}'`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\0': '\\0',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/**
 * Numbers of 64 bits as numbers: what is kept is within those that JavaScript holds. With buffers of the usual megabyte a look through sixty
 * months by sixteen columns takes a gigabyte before it has read a row, as each column of each month has its own.
 */
const READ_SETTINGS = {
  output_format_json_quote_64bit_integers: '0',
  max_read_buffer_size: String(LIMITS.clickhouseReadBufferBytes),
}

export class ClickHouseClient {
  private readonly address: ClickHouseAddress
  private readonly transport: Transport

  constructor(address: ClickHouseAddress, transport: Transport) {
    this.address = address
    this.transport = transport
  }

  get database(): string {
    return this.address.database
  }

  /**
   * The rows of a SELECT without its FORMAT.
   * @throws ClickHouseRefusal, or the transport's GatewayError
   */
  async rows<Row extends object>(statement: string, timeoutMs: number): Promise<Row[]> {
    const settings = { ...READ_SETTINGS, max_execution_time: String(Math.ceil(timeoutMs / 1_000)) }
    const text = await this.send(`${statement} FORMAT JSONEachRow`, settings, timeoutMs)
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => rowOf(line) as Row)
  }

  /** Runs a statement that gives nothing. @throws as `rows` */
  async run(statement: string, timeoutMs: number): Promise<void> {
    nothing(await this.send(statement, {}, timeoutMs))
  }

  /** Adds rows, each a line of JSON; all of them or, where it fails before its end, perhaps none. @throws as `rows` */
  async insert(table: string, lines: readonly string[], timeoutMs: number): Promise<void> {
    const body = Buffer.from(`${lines.join('\n')}\n`)
    const statement = { query: `INSERT INTO ${table} FORMAT JSONEachRow` }
    nothing(await this.send(body, statement, timeoutMs))
  }

  private async send(
    body: string | Uint8Array,
    parameters: Readonly<Record<string, string>>,
    timeoutMs: number,
  ): Promise<string> {
    const { database, network, password, url, user } = this.address
    const target = new URL(url)
    target.searchParams.set('database', database)
    for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value)
    const response = await this.transport.send({
      url: target.href,
      method: 'POST',
      // Not in the address, which servers write into their logs.
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'x-clickhouse-user': user,
        ...(password === '' ? {} : { 'x-clickhouse-key': password }),
      },
      body,
      timeouts: {
        connectMs: Math.min(timeoutMs, LIMITS.clickhouseConnectMs),
        firstByteMs: timeoutMs,
        idleMs: timeoutMs,
        totalMs: timeoutMs,
      },
      network,
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = new TextDecoder().decode(await response.bytes(LIMITS.clickhouseAnswerBytesMax))
    if (response.status === 200) return text
    if (response.status >= 300 && response.status < 400) throw new GatewayError('upstream_redirect')
    throw new ClickHouseRefusal(response.status, text.trim())
  }
}

/**
 * An error that comes after the first rows stands behind or within them, under a status that was good, and is no JSON: half a result is none.
 * It is not looked for by its words: a row may hold the same ones.
 */
function rowOf(line: string): object {
  try {
    const row: unknown = JSON.parse(line)
    if (isObject(row)) return row
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new ClickHouseRefusal(500, line.slice(Math.max(0, line.lastIndexOf('Code: '))))
}

/** A statement that gives nothing says nothing: whatever stands there under a good status is an error. */
function nothing(text: string): void {
  if (text.trim() !== '') throw new ClickHouseRefusal(500, text.trim())
}

/** Why it failed, without a word of the statement or of a row. */
export function clickHouseFailure(error: unknown): string {
  if (error instanceof ClickHouseRefusal) {
    return `ClickHouse status ${error.status}, code ${error.code ?? 'unknown'}`
  }
  return error instanceof GatewayError ? error.kind : describeFailure(error)
}
