// The command blocks of the pages that people read: every fenced block marked `sh` in README and `docs/`, in order. Reading, nothing else.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dir, '..', '..')

export interface Page {
  /** `docs/limits.md` */
  readonly path: string
  readonly blocks: readonly Block[]
}

export interface Block {
  /** Of its first line in the page, from 1. */
  readonly line: number
  readonly text: string
}

/** Every page of the repository that people read, also those without a block. */
export function pages(): Page[] {
  const paths = ['*.md', 'docs/**/*.md']
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
    .toSorted()
  return paths.map((path) => ({
    path,
    blocks: blocksIn(readFileSync(join(root, path), 'utf8'), 'sh'),
  }))
}

/** The fenced blocks of one language, as Markdown (CommonMark 0.31, 4.5) has them, those inside lists too. */
export function blocksIn(markdown: string, language: string): Block[] {
  const blocks: Block[] = []
  let open:
    { fence: string; indent: number; line: number; lines: string[]; info: string } | undefined
  for (const [at, line] of markdown.split('\n').entries()) {
    const [, space = '', fence, info = ''] = /^( *)(`{3,}|~{3,})([^`]*)$/.exec(line) ?? []
    if (open === undefined) {
      if (fence === undefined) continue
      open = { fence, indent: space.length, line: at + 2, lines: [], info: info.trim() }
    } else if (fence !== undefined && fence.startsWith(open.fence) && info.trim() === '') {
      if (open.info === language) blocks.push({ line: open.line, text: open.lines.join('\n') })
      open = undefined
    } else open.lines.push(line.slice(Math.min(open.indent, line.search(/\S|$/))))
  }
  if (open !== undefined) throw new Error(`a block that begins at line ${open.line - 1} never ends`)
  return blocks
}
