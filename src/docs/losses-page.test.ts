// The page is what the code says, and the code says nothing without a word: no pair of protocols may change a part of a
// request or an answer and report no loss.

import { describe, expect, test } from 'bun:test'
import { dialects } from '../dialects/registry.ts'
import {
  answerMatrix,
  embeddingMatrix,
  requestMatrix,
  streamMatrix,
  vectorMatrix,
  type Matrix,
} from './losses-matrix.ts'
import { lossesPage } from './losses-page.ts'

const MATRICES: readonly (readonly [string, () => Matrix])[] = [
  ['requests', requestMatrix],
  ['answers', answerMatrix],
  ['streamed answers', streamMatrix],
  ['embedding requests', embeddingMatrix],
  ['embedding answers', vectorMatrix],
]

describe('docs/losses.md', () => {
  test('is what `bun run docs` writes', async () => {
    const written = await Bun.file(new URL('../../docs/losses.md', import.meta.url)).text()
    expect(plain(written)).toBe(plain(lossesPage()))
  })

  test.each(MATRICES)('%s: nothing changes without a loss that says so', (_name, make) => {
    const matrix = make()
    const silent: string[] = []
    for (const row of matrix.rows) {
      for (const [dialect, { fate }] of row.alone) {
        if (fate === 'silent') silent.push(`${row.label}: ${dialect}`)
      }
      for (const [from, others] of row.pairs) {
        for (const [to, { fate }] of others) {
          if (fate === 'silent') silent.push(`${row.label}: ${from} to ${to}`)
        }
      }
    }
    expect(silent).toEqual([])
  })

  test('every protocol with a chat is on it, in both directions', () => {
    const chats = Object.values(dialects).filter(({ chat }) => chat !== undefined)
    expect(chats.length).toBeGreaterThanOrEqual(3)
    const matrices = [requestMatrix(), answerMatrix()]
    const page = lossesPage()
    for (const { name } of chats) {
      for (const matrix of matrices) {
        expect([...matrix.from.keys()]).toContain(name)
        const others = [...matrix.from].filter(([from]) => from !== name)
        expect(others.some(([, to]) => to.includes(name))).toBe(true)
      }
      expect(page).toContain(`### client \`${name}\``)
    }
  }, 30_000)

  test('the exemplars are good ones: each is carried by some protocol, and the plainest by all', () => {
    for (const make of [requestMatrix, answerMatrix]) {
      const { columns, rows } = make()
      const carriedBy = (label: string) =>
        rows
          .flatMap((row) => (row.label === label ? [...row.alone] : []))
          .flatMap(([name, { fate }]) => (fate === 'carried' ? [name] : []))
      for (const { alone, label } of rows) {
        const carried = [...alone.values()].some(({ fate }) => fate === 'carried')
        expect(carried, `'${label}' is carried by nobody`).toBe(true)
      }
      for (const label of ['temperature', 'output limit', 'text', 'its own end', 'output']) {
        if (rows.some((row) => row.label === label)) expect(carriedBy(label)).toEqual([...columns])
      }
    }
  })
})

/** The formatter aligns tables; what they say is what counts. */
function plain(markdown: string): string {
  return markdown
    .replace(/ *\| */g, '|')
    .replace(/ +/g, ' ')
    .replace(/-{3,}/g, '---')
    .replace(/\s+$/gm, '')
}
