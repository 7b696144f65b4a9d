// Reads the options of a rule whose check asks somebody outside. What is wrong is told by the name of the option and never by its value,
// which may be a secret. It knows no check.

import type { NetworkSettings } from '../../core/catalog.ts'
import { GatewayError } from '../../core/error.ts'
import type { GuardrailRule } from '../../core/guardrail.ts'
import { isObject, type JsonObject } from '../../core/json.ts'
import { LIMITS } from '../../core/limits.ts'
import { headerValue, hookUrl, proxyUrl, webUrl } from '../../core/outbound-text.ts'
import { headerNameProblem } from '../../core/provider-rules.ts'

/** Bounds of a number, and what it is where nothing is said. */
export interface NumberBounds {
  readonly min: number
  readonly max: number
  readonly default: number
}

const NETWORK_FILES = ['ca_file', 'cert_file', 'key_file', 'key_passphrase'] as const

/** Options by name; every method throws GatewayError `invalid_request` with `param` for what cannot be used. */
export class OptionReader {
  readonly rule: GuardrailRule
  private readonly options: JsonObject

  constructor(rule: GuardrailRule) {
    this.rule = rule
    this.options = rule.options
  }

  has(name: string): boolean {
    return this.options[name] !== undefined && this.options[name] !== null
  }

  text(name: string): string | undefined {
    if (!this.has(name)) return undefined
    const value = this.options[name]
    if (typeof value !== 'string' || value === '') throw wrong(name, 'must be a text')
    return value
  }

  requiredText(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw wrong(name, 'is missing')
    return value
  }

  choice<T extends string>(name: string, values: readonly T[], without: T): T {
    const value = this.text(name)
    if (value === undefined) return without
    const found = values.find((choice) => choice === value)
    if (found === undefined) throw wrong(name, `must be one of: ${values.join(', ')}`)
    return found
  }

  number(name: string, bounds: NumberBounds): number {
    if (!this.has(name)) return bounds.default
    const value = this.options[name]
    if (typeof value !== 'number' || !(value >= bounds.min && value <= bounds.max)) {
      throw wrong(name, `must be a number from ${bounds.min} to ${bounds.max}`)
    }
    return value
  }

  boolean(name: string, without: boolean): boolean {
    if (!this.has(name)) return without
    const value = this.options[name]
    if (typeof value !== 'boolean') throw wrong(name, 'must be true or false')
    return value
  }

  texts(name: string): readonly string[] | undefined {
    if (!this.has(name)) return undefined
    const value = this.options[name]
    const isList =
      Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')
    if (!isList || value.length > 1_000) throw wrong(name, 'must be a list of texts')
    // A list of what counts that holds nothing would be a rule that never finds anything.
    if (value.length === 0) throw wrong(name, 'must name at least one, or be left out')
    return value as string[]
  }

  objects(name: string): readonly JsonObject[] | undefined {
    if (!this.has(name)) return undefined
    const value = this.options[name]
    if (!Array.isArray(value) || !value.every(isObject) || value.length > 1_000) {
      throw wrong(name, 'must be a list of objects')
    }
    return value
  }

  /** Texts by name, in the order they were said. */
  textMap(name: string): ReadonlyMap<string, string> | undefined {
    if (!this.has(name)) return undefined
    const value = this.options[name]
    if (!isObject(value)) throw wrong(name, 'must be texts by name')
    const entries = Object.entries(value)
    if (entries.length === 0 || entries.length > 200) throw wrong(name, 'must have 1 to 200 names')
    for (const [, text] of entries) {
      if (typeof text !== 'string' || text === '') throw wrong(name, 'must be texts by name')
    }
    return new Map(entries as [string, string][])
  }

  /** Header fields of the operator's, lower case. */
  headers(name: string): ReadonlyMap<string, string> {
    const headers = new Map<string, string>()
    for (const [field, text] of this.textMap(name) ?? []) {
      const problem = headerNameProblem(field)
      const checked = headerValue(text)
      if (problem !== undefined) throw wrong(name, `has a name that ${problem}`)
      if ('problem' in checked) throw wrong(name, `has a value that ${checked.problem}`)
      headers.set(field.toLowerCase(), checked.value)
    }
    return headers
  }

  /** Shares from 0 to 1 by name. */
  shares(name: string): ReadonlyMap<string, number> {
    if (!this.has(name)) return new Map()
    const value = this.options[name]
    if (!isObject(value)) throw wrong(name, 'must be numbers by name')
    for (const share of Object.values(value)) {
      if (typeof share !== 'number' || !(share >= 0 && share <= 1)) {
        throw wrong(name, 'must be numbers from 0 to 1')
      }
    }
    return new Map(Object.entries(value) as [string, number][])
  }

  /** How many characters are asked at once. */
  partChars(without: number): number {
    return this.number('max_chars', { min: 500, max: LIMITS.guardPartCharsMax, default: without })
  }

  /** For how long a text that has passed need not be asked again; 0: always. */
  rememberMs(): number {
    return this.number('remember_s', { min: 0, max: 3_600, default: 0 }) * 1_000
  }

  /** Where a service is, without a slash at its end. */
  baseUrl(name: string): string {
    const checked = webUrl(this.requiredText(name), true)
    if ('problem' in checked) throw wrong(name, checked.problem)
    return checked.value
  }

  /** Where is posted to as it stands, with what is behind its `?`. */
  hook(name: string): string {
    const checked = hookUrl(this.requiredText(name))
    if ('problem' in checked) throw wrong(name, checked.problem)
    return checked.value
  }

  /**
   * TLS and proxy, as providers have them under `network`. Whoever is not the operator names no file of this machine.
   */
  network(): NetworkSettings {
    const result: { -readonly [K in keyof NetworkSettings]: NetworkSettings[K] } = {}
    const proxy = this.text('proxy')
    if (proxy !== undefined) {
      const checked = proxyUrl(proxy)
      if ('problem' in checked) throw wrong('proxy', checked.problem)
      result.proxy = checked.value
    }
    if (this.has('verify')) result.verify = this.boolean('verify', true)
    const pem = this.text('ca')
    if (pem !== undefined) {
      if (pem.length > LIMITS.pemCharsMax || !pem.includes('-----BEGIN CERTIFICATE-----')) {
        throw wrong('ca', 'must be certificates in PEM')
      }
      result.ca = pem
    }
    for (const name of NETWORK_FILES) {
      const value = this.text(name)
      if (value === undefined) continue
      if (!isOperators(this.rule)) throw wrong(name, 'names a file, which only the file may')
      result[FILE_MEMBERS[name]] = value
    }
    return result
  }
}

const FILE_MEMBERS = {
  ca_file: 'caFile',
  cert_file: 'certFile',
  key_file: 'keyFile',
  key_passphrase: 'keyPassphrase',
} as const

/** Whether the rule was declared by whoever runs the program, and not by whoever may use the management API. */
export function isOperators({ origin, tenantId }: GuardrailRule): boolean {
  return origin !== 'store' && tenantId === undefined
}

/** What is wrong with an option, by its name. */
export function wrong(name: string, problem: string): GatewayError {
  return new GatewayError('invalid_request', {
    param: `options.${name}`,
    message: `The option '${name}' ${problem}.`,
  })
}
