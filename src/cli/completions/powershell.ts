// The completions for PowerShell, from 5.1 on, for a profile. PowerShell takes typographic quotes for plain ones, so those are doubled too;
// and the text is ASCII, as 5.1 reads a file without a mark in the code page of the machine.

import type { Command } from '../command.ts'
import { places, type CompletedOption } from './words.ts'

/** The script. */
export function powershellCompletions(commands: readonly Command[]): string {
  const table = (name: string, rows: readonly string[]) => [`  $${name} = @{`, ...rows, '  }']
  const all = places(commands)
  const withValues = (takes: readonly CompletedOption['takes'][]) =>
    all.flatMap(({ options, path }) =>
      options
        .filter((each) => takes.includes(each.takes))
        .map(({ name }) => `    ${quoted(`${path} ${name}`)} = $true`),
    )
  return [
    '# Completions of weir for PowerShell. Made by: weir completions powershell',
    'Register-ArgumentCompleter -Native -CommandName weir -ScriptBlock {',
    '  param($wordToComplete, $commandAst, $cursorPosition)',
    ...table(
      'words',
      all.map(({ path, words }) => `    ${quoted(path)} = ${list(words)}`),
    ),
    ...table(
      'options',
      all.map(({ options, path }) => `    ${quoted(path)} = ${list(options)}`),
    ),
    ...table('paths', withValues(['file', 'folder'])),
    ...table('texts', withValues(['text'])),
    "  $at = ''; $previous = ''",
    '  foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {',
    '    if ($element.Extent.EndOffset -ge $cursorPosition) { break }',
    '    $previous = $element.ToString()',
    "    $next = ($at + ' ' + $previous).Trim()",
    '    if ($options.ContainsKey($next)) { $at = $next }',
    '  }',
    "  if ($texts.ContainsKey($at + ' ' + $previous)) { return }",
    "  if ($paths.ContainsKey($at + ' ' + $previous)) {",
    '    return [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)',
    '  }',
    "  $table = if ($wordToComplete -like '-*') { $options } else { $words }",
    '  $table[$at] | Where-Object { $_.Name.StartsWith($wordToComplete) } | ForEach-Object {',
    "    [System.Management.Automation.CompletionResult]::new($_.Name, $_.Name, 'ParameterValue', $_.Doc)",
    '  }',
    '}',
    '',
  ].join('\n')
}

function list(of: readonly { readonly name: string; readonly doc: string }[]): string {
  const rows = of.map(({ doc, name }) => `@{ Name = ${quoted(name)}; Doc = ${quoted(doc)} }`)
  return `@(${rows.join(', ')})`
}

/** Within single quotes nothing is special but such quotes. */
function quoted(text: string): string {
  const plain = text
    .replaceAll(/[\u2018\u2019\u201a\u201b]/g, "'")
    .replaceAll('…', '...')
    .replaceAll(/[\u0000-\u001f]/g, ' ')
    .replaceAll(/[^\u0020-\u007e]/gu, '?')
  return `'${plain.replaceAll("'", "''")}'`
}
