// Reads a text of metrics as a strict reader would: Prometheus' format 0.0.4 or OpenMetrics 1.0, line by line against the grammar, each
// series once, each family in one piece, histograms whole. Written from the formats' pages, not from the code that writes them.

export interface ReadFamily {
  readonly type: string
  readonly help: string
  readonly unit?: string
}

export interface ReadMetrics {
  /** By the name as its samples begin: counters with `_total` in both formats. */
  readonly families: ReadonlyMap<string, ReadFamily>
  /** By name and labels, as they stand in the text. */
  readonly samples: ReadonlyMap<string, number>
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|\+Inf)$/
const LABEL = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"$/

/** @throws Error with the line that breaks a rule */
export function readMetrics(text: string, format: 'prometheus' | 'openmetrics'): ReadMetrics {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const lines = text.slice(0, -1).split('\n')
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('no # EOF at the end')
  const reader = new Reader(format)
  for (const line of lines) reader.take(line)
  return reader.end()
}

class Reader {
  private readonly families = new Map<string, ReadFamily>()
  private readonly samples = new Map<string, number>()
  private readonly format: 'prometheus' | 'openmetrics'
  private help: { name: string; text: string } | undefined
  private current: { family: string; type: string } | undefined

  constructor(format: 'prometheus' | 'openmetrics') {
    this.format = format
  }

  take(line: string): void {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/.exec(line) ?? []
    if (word === 'HELP') this.help = { name, text: rest }
    else if (word === 'TYPE') this.type(name, rest)
    else if (word === 'UNIT') this.unit(name, rest)
    else this.sample(line)
  }

  end(): ReadMetrics {
    for (const [name, { type }] of this.families) if (type === 'histogram') this.whole(name)
    return { families: this.families, samples: this.samples }
  }

  private type(family: string, type: string): void {
    if (this.help?.name !== family) throw new Error(`${family} has no help`)
    if (!['counter', 'gauge', 'histogram'].includes(type)) throw new Error(`type ${type}`)
    const isOpenCounter = this.format === 'openmetrics' && type === 'counter'
    if (isOpenCounter && family.endsWith('_total')) throw new Error(`${family} is no family`)
    const name = isOpenCounter ? `${family}_total` : family
    if (this.families.has(name)) throw new Error(`${name} stands twice`)
    this.families.set(name, { type, help: this.help.text })
    this.current = { family, type }
  }

  private unit(family: string, unit: string): void {
    const { current } = this
    if (this.format === 'prometheus') throw new Error('UNIT in the older format')
    if (current?.family !== family) throw new Error(`unit of ${family} away from it`)
    if (!family.endsWith(`_${unit}`)) throw new Error(`${family} does not end with ${unit}`)
    const name = current.type === 'counter' ? `${family}_total` : family
    this.families.set(name, { ...this.families.get(name)!, unit })
  }

  private sample(line: string): void {
    const [, name, labels, value] = SAMPLE.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`no sample: ${line}`)
    const names = new Set<string>()
    for (const pair of labels === undefined || labels === '' ? [] : splitPairs(labels)) {
      const label = LABEL.exec(pair)?.[1]
      if (label === undefined || names.has(label)) throw new Error(`labels: ${line}`)
      names.add(label)
    }
    const { current } = this
    if (current === undefined) throw new Error(`before any type: ${line}`)
    const family = this.familyName(current)
    const endings = current.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    if (!endings.some((ending) => name === family + ending)) {
      throw new Error(`${name} stands under ${family}`)
    }
    const id = labels === undefined ? name : `${name}{${labels}}`
    if (this.samples.has(id)) throw new Error(`${id} stands twice`)
    const number = Number(value.replace('Inf', 'Infinity'))
    if (current.type === 'counter' && number < 0) throw new Error(`below nothing: ${line}`)
    this.samples.set(id, number)
  }

  private familyName({ family, type }: { family: string; type: string }): string {
    return this.format === 'openmetrics' && type === 'counter' ? `${family}_total` : family
  }

  /** Bounds rise, what lies below them does too, and the last one is all of them. */
  private whole(name: string): void {
    const last = new Map<string, { bound: number; below: number }>()
    for (const [id, below] of this.samples) {
      if (!id.startsWith(`${name}_bucket{`)) continue
      const [, before = '', le = ''] = /\{(.*?),?le="([^"]+)"\}$/.exec(id) ?? []
      if (this.format === 'openmetrics' && !/[.eI]/.test(le)) throw new Error(`bound ${le}`)
      const bound = le === '+Inf' ? Infinity : Number(le)
      const known = last.get(before)
      if (known !== undefined && (known.bound >= bound || known.below > below)) {
        throw new Error(`buckets do not rise: ${id}`)
      }
      last.set(before, { bound, below })
    }
    for (const [labels, { below, bound }] of last) {
      const suffix = labels === '' ? '' : `{${labels}}`
      const count = this.samples.get(`${name}_count${suffix}`)
      if (bound !== Infinity || below !== count) throw new Error(`${name}${suffix} is not whole`)
      if (!this.samples.has(`${name}_sum${suffix}`)) throw new Error(`${name}${suffix} has no sum`)
    }
  }
}

/** At commas outside of quotes. */
function splitPairs(labels: string): string[] {
  return labels.match(/[^,"]+"(?:[^"\\]|\\.)*"/g)?.map((pair) => pair.replace(/^,/, '')) ?? [labels]
}
