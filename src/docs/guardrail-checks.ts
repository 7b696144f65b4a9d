// The part of `docs/guardrails.md` that lists every check with its options, made from their descriptions: what is documented is what is read.

import type { CheckDescription, CheckOption } from '../core/guardrail-option.ts'
import { CHECK_DESCRIPTIONS } from '../core/guardrail-options.ts'

const BEGIN = '<!-- checks: made by `bun run docs` from the code; do not edit -->'
const END = '<!-- end of checks -->'

/** The page with the list as it is now. @throws RangeError where the page has no place for it */
export function withChecksList(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new RangeError('docs/guardrails.md has no place for checks')
  return `${page.slice(0, begin + BEGIN.length)}\n\n${checksList()}\n\n${page.slice(end)}`
}

function checksList(): string {
  return CHECK_DESCRIPTIONS.map(checkText).join('\n\n')
}

function checkText({ asks, doc, kind, masks, options }: CheckDescription): string {
  const facts = [masks ? 'It can mask.' : 'It cannot mask.', ...(asks ? ['It asks others.'] : [])]
  const lines = options.map((option) => optionText(option, ''))
  return `### \`${kind}\`\n\n${doc} ${facts.join(' ')}\n\n${lines.join('\n')}`
}

function optionText(option: CheckOption, indent: string): string {
  const { doc, name } = option
  const facts = [typeOf(option), ...(option.required ? ['**required**'] : []), ...defaultOf(option)]
  const line = `${indent}- \`${name}\` (${facts.join('; ')}): ${doc}`
  if (option.type !== 'list') return line
  return [line, ...option.of.map((inner) => optionText(inner, `${indent}  `))].join('\n')
}

function typeOf(option: CheckOption): string {
  const code = (values: readonly string[]) => values.map((value) => `\`${value}\``).join(' ')
  switch (option.type) {
    case 'text':
      return option.secret === true ? 'secret text' : 'text'
    case 'number':
      return `${option.whole === true ? 'whole number' : 'number'} from ${option.min} to ${option.max}`
    case 'flag':
      return 'true or false'
    case 'choice':
      return `one of ${code(option.values)}`
    case 'choices':
      return `list of ${code(option.values)}`
    case 'texts':
      return `list of texts, at most ${option.countMax}`
    case 'list':
      return `list, at most ${option.countMax}, each with`
    case 'json':
      return 'JSON'
    case 'map':
      return option.secret === true ? 'names and secret texts' : 'names and texts'
  }
}

function defaultOf(option: CheckOption): string[] {
  if (!('default' in option) || option.default === undefined) return []
  if (option.type === 'choices') {
    const isAll = option.default.length === option.values.length
    return [`default ${isAll ? 'all' : option.default.map((value) => `\`${value}\``).join(' ')}`]
  }
  return [`default \`${String(option.default)}\``]
}
