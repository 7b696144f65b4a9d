import { expect, test } from 'bun:test'
import { describeMarkdown } from './describe.ts'

test('docs/configuration.md is what the schema table says', async () => {
  const written = await Bun.file(new URL('../../docs/configuration.md', import.meta.url)).text()
  expect(plain(written)).toBe(plain(describeMarkdown()))
})

/** The formatter aligns tables; what they say is what counts. */
function plain(markdown: string): string {
  return markdown
    .replace(/ *\| */g, '|')
    .replace(/ +/g, ' ')
    .replace(/-{3,}/g, '---')
    .replace(/\s+$/gm, '')
}
