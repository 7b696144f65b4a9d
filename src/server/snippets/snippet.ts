// What a snippet is: the exact lines that let a tool ask this Weir, and where they go; and how text gets into lines of each language without
// being read as anything but text. It knows no tool, and never a real key: whoever pastes puts theirs in.

/** Stands where a key belongs: letters that need no escape in any language. */
export const KEY_PLACEHOLDER = 'YOUR_WEIR_KEY'

/** Which word marks the lines. */
export type SnippetLanguage =
  'sh' | 'python' | 'javascript' | 'json' | 'toml' | 'yaml' | 'text' | 'powershell'

export interface SnippetPart {
  /** A file's name, or words for where they go. */
  readonly where: string
  readonly language: SnippetLanguage
  readonly text: string
}

export interface SnippetFacts {
  /** Of this server, without a slash at its end. */
  readonly baseUrl: string
  /** As a client would ask for it. */
  readonly model: string
}

export type SnippetGroup = 'Command line' | 'Coding tools' | 'Libraries'

/** A tool, and how it is told of this server. */
export interface SnippetTool {
  readonly id: string
  readonly title: string
  readonly group: SnippetGroup
  /** A sentence that the lines cannot say. */
  readonly note?: string
  parts(facts: SnippetFacts): readonly SnippetPart[]
}

/** Text as a literal of JSON, JavaScript, TOML and YAML, and of Python but for what only a surrogate half could show. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

/** Text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** Lines as they are to be pasted, with an end of line behind the last. */
export function lines(...each: readonly string[]): string {
  return `${each.join('\n')}\n`
}
