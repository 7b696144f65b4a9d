// Puts what is made from the code between its two marks in a page that is otherwise written by hand. Used by every page that has such
// parts; it knows nothing of what they say.

/**
 * The page with this part as it is now.
 * @param name as in the marks, `<!-- name: written by … -->` and `<!-- end of name -->`
 * @throws RangeError where the page has no place for it
 */
export function withPart(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: written by \`bun run docs\` -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(`<!-- end of ${name} -->`)
  if (from < 0 || to < from) throw new RangeError(`The page has no place for ${name}.`)
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`
}

/** A page without what the formatter decides: the width of tables. What it says is what counts. */
export function plainMarkdown(markdown: string): string {
  return markdown
    .replace(/ *\| */g, '|')
    .replace(/ +/g, ' ')
    .replace(/-{3,}/g, '---')
    .replace(/\s+$/gm, '')
}
