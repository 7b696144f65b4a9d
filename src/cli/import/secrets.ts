// Values of a source that must not stand in a configuration file: each becomes a reference to a variable of the environment, and what is to
// be set is remembered by name. The values of literal secrets are kept for a file of their own and shown nowhere.

export interface Need {
  readonly name: string
  /** Where the source has it in clear; absent where the source names a variable itself. */
  readonly value?: string
}

/** `os.environ/NAME`, `${NAME}`, `$NAME`, `env:NAME`: how sources name a variable. */
const REFERENCE =
  /^(?:os\.environ\/|env:)([A-Za-z_][A-Za-z0-9_]{0,199})$|^\$(?:([A-Za-z_][A-Za-z0-9_]{0,199})|\{([A-Za-z_][A-Za-z0-9_]{0,199})\})$/

/** The variable that a text stands for; undefined for any other text. */
export function variableOf(text: string): string | undefined {
  const match = REFERENCE.exec(text.trim())
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

export class Secrets {
  private readonly found = new Map<string, string | undefined>()

  /** Variables that must be set, in the order they were met. */
  get needs(): Need[] {
    return [...this.found].map(([name, value]) =>
      value === undefined ? { name } : { name, value },
    )
  }

  /** Whether something that was carried refers to it. */
  isNeeded(name: string): boolean {
    return this.found.has(name)
  }

  /** The reference to a variable that the source names. */
  variable(name: string): string {
    if (!this.found.has(name)) this.found.set(name, undefined)
    return `\${${name}}`
  }

  /** The value of a variable that the source itself sets. */
  give(name: string, value: string): void {
    this.found.set(name, value)
  }

  /**
   * What stands for a secret.
   * @param words of its name where it has none: `openai key` becomes `WEIR_SECRET_OPENAI_KEY`
   */
  secret(text: string, words: string): string {
    const variable = variableOf(text)
    if (variable !== undefined) return this.variable(variable)
    for (const [name, value] of this.found) if (value === text) return `\${${name}}`
    const base = `WEIR_SECRET_${words
      .replaceAll(/[^A-Za-z0-9]+/g, '_')
      .replaceAll(/^_+|_+$/g, '')
      .toUpperCase()}`
    let name = base
    for (let turn = 2; this.found.has(name); turn += 1) name = `${base}_${turn}`
    this.found.set(name, text)
    return `\${${name}}`
  }

  /** A text that is no secret: a variable stays one, and what only looks like a reference is written so that it is none. */
  plain(text: string): string {
    const variable = variableOf(text)
    return variable === undefined ? text.replaceAll('${', () => '$${') : this.variable(variable)
  }
}

/** A text in which nothing stands for anything else. */
export function literal(text: string): string {
  return text.replaceAll('${', () => '$${')
}

/** A value of the form that the name of a variable promises, to prove a configuration where the variable is not set. */
export function standIn(name: string): string {
  if (/REGION/.test(name)) return 'eu-central-1'
  if (name.endsWith('PORT')) return '6379'
  if (name.startsWith('WEIR_SECRET_PROXY')) return 'http://proxy.invalid:3128'
  if (/^(?:WEIR_SECRET_)?REDIS_URL/.test(name)) return 'redis://redis.invalid:6379'
  if (name.endsWith('HOST') && !name.includes('LANGFUSE')) return 'host.invalid'
  if (/URL|BASE|ENDPOINT|HOST/.test(name)) return 'https://host.invalid/v1'
  if (/RPM|TPM|TIMEOUT|TTL|LIMIT|COUNT|SECONDS/.test(name)) return '60'
  return `stand_in_${name.toLowerCase()}`
}
