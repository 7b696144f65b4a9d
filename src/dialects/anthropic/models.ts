// What Claude models take, told from their names: it changed with 4.5 (structured output), 4.6 (adaptive thinking, effort) and
// 4.7 (no thinking budgets, no sampling). Names that are not Claude's get the older, common form. It must not hold prices.

export interface ModelTraits {
  /** The name is a Claude model's. */
  readonly known: boolean
  /** `thinking: {type: adaptive}` and `output_config.effort` are understood. */
  readonly adaptive: boolean
  /** `thinking: {type: enabled, budget_tokens}` is understood. */
  readonly budgets: boolean
  /** `temperature`, `top_p` and `top_k` are understood. */
  readonly sampling: boolean
  /** `temperature` and `top_p` may stand together. */
  readonly samplingTogether: boolean
  /** `thinking: {type: disabled}` is understood. */
  readonly canDisable: boolean
  /** Effort `xhigh` is understood. */
  readonly xhigh: boolean
  /** `strict` tools are understood. */
  readonly strict: boolean
  /** `output_config.format` is understood. */
  readonly schema: boolean
}

const UNKNOWN: ModelTraits = {
  known: false,
  adaptive: false,
  budgets: true,
  sampling: true,
  samplingTogether: true,
  canDisable: true,
  xhigh: false,
  strict: false,
  schema: true,
}

const CURRENT_NAME =
  /claude-(opus|sonnet|haiku|fable|mythos)(?:-(\d{1,2})(?:[-.](\d{1,2}))?)?(?![\d])/
const OLDER_NAME = /claude-(\d)(?:[-.](\d))?(?![\d])/

/**
 * Traits of a model by its name, wherever it stands in it (`anthropic/claude-opus-4.8`, `claude-haiku-4-5@20251001`).
 * Other names, also of other makers' models behind an Anthropic-compatible server, get the form that 2025's servers take.
 */
export function modelTraits(model: string): ModelTraits {
  const current = CURRENT_NAME.exec(model)
  if (current !== null) {
    const family = current[1] ?? ''
    const always = family === 'fable' || family === 'mythos'
    const major = current[2] === undefined ? (always ? 5 : undefined) : Number(current[2])
    if (major === undefined) return UNKNOWN
    return traitsOf(major * 100 + Number(current[3] ?? 0), family, always)
  }
  const older = OLDER_NAME.exec(model)
  if (older === null) return UNKNOWN
  return traitsOf(Number(older[1]) * 100 + Number(older[2] ?? 0), '', false)
}

function traitsOf(version: number, family: string, alwaysThinks: boolean): ModelTraits {
  const structured = version >= 405 || (family === 'opus' && version >= 401)
  return {
    known: true,
    adaptive: version >= 406,
    budgets: version < 407,
    sampling: version < 407,
    samplingTogether: version < 401,
    canDisable: !alwaysThinks,
    xhigh: version >= 407,
    strict: structured,
    schema: structured,
  }
}
