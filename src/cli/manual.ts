// `weir manual`: the manual page weir(1), made from what the commands say of themselves, in the roff of man(7). Pure text without a date, so
// that the same version gives the same page; what a command says is text in it and never a request of roff.

import { VERSION } from '../core/version.ts'
import { COMMON_OPTIONS, type Command, type OptionDoc } from './command.ts'
import { allCommands } from './completions/scripts.ts'

export const manual: Command = {
  name: 'manual',
  summary: 'print the manual page weir(1)',
  usage: 'manual',
  options: [],
  examples: ['weir manual > weir.1', 'weir manual | man -l -'],
  positionalsMax: 0,
  run: async ({ output }) => {
    output.out(manualPage(await allCommands(), VERSION))
    return 0
  },
}

/** The page, for `weir.1`. @param version of the program */
export function manualPage(commands: readonly Command[], version: string): string {
  return [
    `.TH WEIR 1 "" "Weir ${roff(version)}" "User Commands"`,
    // No hyphens of roff's own: whoever copies an option gets what is written.
    '.nh',
    '.ad l',
    '.SH NAME',
    'weir \\- LLM gateway: every client protocol to every provider',
    '.SH SYNOPSIS',
    '.B weir',
    '.RI [ COMMAND ]',
    '.RI [ OPTIONS ]',
    '.SH DESCRIPTION',
    'Weir takes requests in the protocols of OpenAI, Anthropic, Ollama, Azure OpenAI, Gemini and Cohere, and sends them to any provider.',
    'Every token is authorised, limited, priced and recorded on the way.',
    'Without a command it serves, at 127.0.0.1:9347 unless told otherwise.',
    '.SH COMMON OPTIONS',
    ...COMMON_OPTIONS.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH FILES',
    ...entry(
      'weir.yaml',
      'The configuration: by --config, WEIR_CONFIG, in the working folder, then in the folder of the user’s configuration.',
    ),
    ...entry('weir.db, weir\\-log.db', 'The store and the request log, in the data folder.', true),
    '.SH EXIT STATUS',
    ...entry('0', 'It was done.'),
    ...entry('1', 'It failed.'),
    ...entry('2', 'It was used wrongly.'),
    ...entry('10', 'There is a newer release (weir update \\-\\-check alone).', false, true),
    '',
  ].join('\n')
}

function commandLines({ examples = [], name, notes = [], options, summary, usage }: Command) {
  const sentence = `${summary[0]?.toUpperCase() ?? ''}${summary.slice(1)}.`
  return [
    `.SS weir ${roff(name)}`,
    paragraph(sentence),
    '.PP',
    '.B Usage:',
    paragraph(`weir ${usage}`),
    ...(notes.length === 0 ? [] : ['.PP', ...notes.map(paragraph)]),
    ...options.flatMap(optionLines),
    ...(examples.length === 0
      ? []
      : ['.PP', 'Examples:', '.PP', '.nf', '.RS', ...examples.map(paragraph), '.RE', '.fi']),
  ]
}

function optionLines({ doc, flag, value }: OptionDoc): string[] {
  const term =
    value === undefined ? `.B ${roff(flag)}` : `.BI "${roff(flag)} " "${roff(value, true)}"`
  return ['.TP', term, paragraph(`${doc[0]?.toUpperCase() ?? ''}${doc.slice(1)}.`)]
}

function entry(term: string, text: string, isRoffTerm = false, isRoffText = false): string[] {
  return ['.TP', `.B ${isRoffTerm ? term : roff(term)}`, isRoffText ? text : paragraph(text)]
}

/** A line of text: one that began with a dot or a quote would be a request. */
function paragraph(text: string): string {
  const line = roff(text)
  return /^[.']/.test(line) ? `\\&${line}` : line
}

/** Text as roff shows it plainly: backslashes and hyphens are its own. @param isArgument between quotes of a request */
export function roff(text: string, isArgument = false): string {
  const one = text
    .replaceAll(/\s+/g, ' ')
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '...')
    .replaceAll('→', '\\(->')
    .replaceAll('×', '\\(mu')
  return isArgument ? one.replaceAll('"', '\\(dq') : one
}
