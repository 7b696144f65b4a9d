// What a conversation of the playground is made of: what was said to all models, and what each of them answered. Data alone, so that it can be
// kept in the tab and sent as it stands.

/** A picture as it is sent and shown: `data:image/png;base64,…`. */
export interface Picture {
  readonly name: string
  readonly url: string
}

/** A call of a tool that a model wants. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  /** As it was written: JSON, if the model keeps to it. */
  readonly args: string
}

/** What is known of one answer from its header fields, its clock and its last chunk. Absent: not known. */
export interface Facts {
  readonly provider?: string
  readonly model?: string
  readonly mode?: string
  readonly attempts?: number
  readonly losses?: readonly string[]
  readonly requestId?: string
  readonly firstTokenMs?: number
  readonly totalMs?: number
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly reasoningTokens?: number
  readonly usd?: number
  /** The cost is worked out here, from the model's price. */
  readonly isUsdWorkedOut?: true
}

export interface Problem {
  /** 0: no answer came, or it broke off. */
  readonly status: number
  readonly code: string
  readonly words: string
  /** The member of the request that is wrong. */
  readonly param?: string
}

/** One answer of one model: of several where it calls tools in between. */
export interface Step {
  readonly state: 'running' | 'done' | 'stopped' | 'failed'
  readonly text: string
  readonly reasoning: string
  readonly refusal: string
  readonly calls: readonly ToolCall[]
  /** By the id of the call, as typed here. */
  readonly results: Readonly<Record<string, string>>
  readonly finish?: string
  readonly facts: Facts
  readonly problem?: Problem
}

/** A model of those that are asked side by side. */
export interface Column {
  readonly id: string
  readonly model: string
}

/** What was said, and what each column answered to it. */
export interface Turn {
  readonly id: string
  readonly text: string
  readonly pictures: readonly Picture[]
  /** Pictures were too large to be kept in the tab. */
  readonly hasLostPictures?: true
  /** By column. */
  readonly answers: Readonly<Record<string, Answer>>
}

export interface Answer {
  /** As it was asked, whatever the column asks now. */
  readonly model: string
  readonly steps: readonly Step[]
}

export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const

/** What goes with every request. Null and '' are left out. */
export interface Settings {
  readonly system: string
  readonly temperature: number | null
  readonly maxTokens: number | null
  readonly topP: number | null
  readonly seed: number | null
  readonly stop: readonly string[]
  readonly effort: '' | (typeof EFFORTS)[number]
  readonly format: 'text' | 'json_object' | 'json_schema'
  /** JSON, as typed. */
  readonly schema: string
  /** JSON, as typed. */
  readonly tools: string
  readonly toolChoice: '' | 'none' | 'required'
  readonly stream: boolean
}

export const NO_SETTINGS: Settings = {
  system: '',
  temperature: null,
  maxTokens: null,
  topP: null,
  seed: null,
  stop: [],
  effort: '',
  format: 'text',
  schema: '',
  tools: '',
  toolChoice: '',
  stream: true,
}

export const NEW_STEP: Step = {
  state: 'running',
  text: '',
  reasoning: '',
  refusal: '',
  calls: [],
  results: {},
  facts: {},
}

/** What is written and not sent yet. */
export interface Draft {
  readonly text: string
  readonly pictures: readonly Picture[]
}
