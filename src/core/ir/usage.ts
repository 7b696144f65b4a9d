// Token usage with its classes apart, so that nothing is priced twice. Zero and unknown are different things:
// an absent field was not told, a zero was.

export interface Usage {
  /** Input tokens that were neither read from nor written to a cache. */
  inputTokens?: number
  cacheReadTokens?: number
  cacheWrite5mTokens?: number
  cacheWrite1hTokens?: number
  /** All output tokens, reasoning included. */
  outputTokens?: number
  /** The part of `outputTokens` spent on reasoning. */
  reasoningTokens?: number
  /** The part of the input that was audio, and of the output. */
  inputAudioTokens?: number
  outputAudioTokens?: number
  /** The numbers are ours, not the provider's. */
  estimated?: boolean
}

/** Input tokens of every class: what OpenAI calls `prompt_tokens`. Undefined when no input class was told. */
export function totalInputTokens(usage: Usage): number | undefined {
  const { inputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage
  const classes = [inputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens]
  if (classes.every((tokens) => tokens === undefined)) return undefined
  return classes.reduce<number>((sum, tokens) => sum + (tokens ?? 0), 0)
}

/** The later report wins field by field: providers repeat growing totals, and the last one counts. */
export function mergeUsage(earlier: Usage | undefined, later: Usage): Usage {
  return earlier === undefined ? { ...later } : { ...earlier, ...later }
}

/** A token count from the wire: whole and not negative, else undefined. Providers have sent NaN, negatives and text. */
export function tokenCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** Usage of two requests together; an absent field of both stays absent. */
export function addedUsage(first: Usage | undefined, second: Usage | undefined): Usage | undefined {
  if (first === undefined || second === undefined) return first ?? second
  const { estimated: _first, ...counts } = first
  const sum: Usage = { ...counts }
  const { estimated: _second, ...more } = second
  for (const [name, tokens] of Object.entries(more) as [keyof typeof more, number][]) {
    sum[name] = (sum[name] ?? 0) + tokens
  }
  return first.estimated === true || second.estimated === true ? { ...sum, estimated: true } : sum
}
