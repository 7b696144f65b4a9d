// Completions asked for in the shells themselves, and the manual page read by the tools that show it. A shell that a machine lacks is named;
// every command and option has to be in every text, so that a new one cannot be forgotten.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { COMMON_OPTIONS, type Command } from '../command.ts'
import { manualPage, roff } from '../manual.ts'
import { allCommands, completionScript } from './scripts.ts'
import { places, SHELLS } from './words.ts'

setDefaultTimeout(180_000)

const folder = mkdtempSync(join(tmpdir(), 'weir-shells-'))
let commands: Command[]

beforeAll(async () => {
  commands = await allCommands()
  mkdirSync(join(folder, 'a folder'))
  writeFileSync(join(folder, 'a file.yaml'), '')
  for (const shell of SHELLS) {
    writeFileSync(join(folder, shell), completionScript(shell, commands))
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function ran(argv: string[]) {
  const { exitCode, stderr, stdout } = Bun.spawnSync(argv, {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8' },
  })
  return { exitCode, out: stdout.toString(), error: stderr.toString() }
}

function missing(program: string, what: string): boolean {
  if (Bun.which(program) !== null) return false
  process.stdout.write(`left out: ${what}: no ${program}\n`)
  return true
}

/** What each shell has to find; `undefined` of a shell is what it shows otherwise. */
const CASES: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['weir serv', ['serve', 'service', 'services'], ['keys']],
  ['weir service ', ['install', 'start', 'stop', 'status', 'uninstall'], ['create', 'serve']],
  ['weir providers keys ', ['add', 'drain', 'list', 'retire', 'undrain'], ['test']],
  ['weir service install --', ['--dry-run', '--env-file', '--system', '--config'], ['--print']],
  ['weir --', ['--host', '--port', '--config', '--help'], ['--dry-run']],
  ['weir --config x.yaml keys ', ['create', 'list', 'revoke'], ['install']],
  ['weir completions ', ['bash', 'zsh', 'fish', 'powershell'], ['serve']],
]

describe('bash', () => {
  const complete = (line: string) => {
    const script = `
      source ./bash
      COMP_WORDS=(${line.endsWith(' ') ? `${line} ''` : line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _weir; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { error, exitCode, out } = ran(['bash', '--norc', '-c', script])
    expect([exitCode, error]).toEqual([0, ''])
    return out.trim().split('\n')
  }
  const absent = missing('bash', 'completions in bash')

  test.if(!absent)('completes commands, options, files and folders', () => {
    for (const [line, there, notThere] of CASES) {
      const words = complete(line)
      expect([line, words]).toEqual([line, expect.arrayContaining([...there])])
      for (const word of notThere) expect(words).not.toContain(word)
    }
    expect(complete('weir serve --config ')).toEqual(
      expect.arrayContaining(['a file.yaml', 'a folder']),
    )
    expect(complete("weir serve --config = 'a f'")).toContain('a file.yaml')
    expect(complete("weir serve --data 'a f'")).toEqual(['a folder'])
    expect(complete('weir serve --port ')).toEqual([''])
  })

  test.if(!absent)('runs nothing of what is typed', () => {
    const script = `source ./bash
      COMP_WORDS=(weir '$(touch pwned)' '\`touch pwned\`' '; touch pwned' '*'); COMP_CWORD=4; _weir
      ls pwned 2>/dev/null; true`
    expect(ran(['bash', '--norc', '-c', script]).out).toBe('')
  })
})

describe('zsh', () => {
  const absent = missing('zsh', 'completions in zsh')

  test.if(!absent)('takes the script, and has for each line what comes next', () => {
    expect(ran(['zsh', '-f', '-n', 'zsh'])).toMatchObject({ exitCode: 0, error: '' })
    // Without a terminal `_describe` and `_files` can show nothing: they write down what they are given.
    const harness = `
      autoload -Uz compinit && compinit -u -D
      source ./zsh
      _describe() { local name=$@[-1]; print -rl -- \${(P)name%%:*} }
      _files() { print -r -- files $@ }
      _message() { print -r -- $@ }
      words=(__WORDS__); CURRENT=$#words; PREFIX=$words[-1]; _weir`
    const complete = (line: string) => {
      const words = line.endsWith(' ') ? `${line} ''` : line
      const { error, exitCode, out } = ran(['zsh', '-f', '-c', harness.replace('__WORDS__', words)])
      expect([exitCode, error]).toEqual([0, ''])
      return out.trim().split('\n')
    }
    for (const [line, there, notThere] of CASES) {
      const found = complete(line)
      expect([line, found]).toEqual([
        line,
        // Narrowing down to what was begun is `_describe`'s.
        expect.arrayContaining([...there]),
      ])
      if (line.endsWith(' ')) for (const word of notThere) expect(found).not.toContain(word)
    }
    expect(complete('weir serve --config ')).toEqual(['files'])
    expect(complete('weir serve --data ')).toEqual(['files -/'])
    expect(complete('weir serve --port ')).toEqual(['value'])
    // zsh is started for each line, and looks through its functions each time.
  })
})

describe('fish', () => {
  const absent = missing('fish', 'completions in fish')

  test.if(!absent)('completes commands, options, files and folders', () => {
    const complete = (line: string) => {
      const script = `source ./fish; complete -C '${line}'`
      const { error, exitCode, out } = ran(['fish', '--no-config', '-c', script])
      expect([exitCode, error]).toEqual([0, ''])
      return out
        .trim()
        .split('\n')
        .map((row) => row.split('\t')[0])
    }
    for (const [line, there, notThere] of CASES) {
      const words = complete(line)
      expect([line, words]).toEqual([line, expect.arrayContaining([...there])])
      for (const word of notThere) expect(words).not.toContain(word)
    }
    expect(complete('weir serve --config a').join()).toMatch(/a\\? ?file\.yaml/)
    expect(complete('weir serve --data a').join()).not.toContain('file.yaml')
  })
})

describe('PowerShell', () => {
  /** Quotes, comments and brackets by the language's rules: what is left open, or closed too often, is found. */
  function openBrackets(text: string): string {
    let stack = ''
    for (let at = 0; at < text.length; at += 1) {
      const character = text[at]!
      if (character === '#') at = text.indexOf('\n', at)
      else if (character === "'") {
        do {
          at = text.indexOf("'", at + 1)
          if (at < 0) return `${stack}'`
        } while (text[at + 1] === "'" && (at += 1) > 0)
      } else if ('({['.includes(character)) stack += character
      else if (')}]'.includes(character)) {
        const opened = '({['[')}]'.indexOf(character)]!
        if (!stack.endsWith(opened)) return `${stack}${character}`
        stack = stack.slice(0, -1)
      }
    }
    return stack
  }

  test('has whole quotes and brackets, in ASCII, whatever a command says of itself', () => {
    const hostile: Command = {
      name: 'odd word',
      summary: "it’s 'quoted' ‘twice’ {($(rm)) `n … ü",
      usage: 'odd word',
      options: [{ flag: '--odd', value: 'FILE', doc: "a 'b’c" }],
      positionalsMax: 0,
      run: () => Promise.resolve(0),
    }
    const script = completionScript('powershell', [...commands, hostile])
    expect(script).toMatch(/^[\n\u0020-\u007e]*$/)
    expect(openBrackets(script)).toBe('')
    expect(openBrackets("@('a'")).toBe('@('.slice(1))
  })
})

describe('every command and option', () => {
  test('is in every script', () => {
    const known = new Map(places(commands).map((place) => [place.path, place]))
    for (const { name, options } of commands) {
      const words = name.split(' ')
      const before = known.get(words.slice(0, -1).join(' '))
      expect(before?.words.map((word) => word.name)).toContain(words.at(-1)!)
      const flags = known.get(name)?.options.map((option) => option.name)
      expect(flags).toEqual([...options, ...COMMON_OPTIONS].map(({ flag }) => flag))
    }
    for (const shell of SHELLS) {
      const script = completionScript(shell, commands)
      for (const { name, options } of commands) {
        expect(script).toContain(name)
        for (const { flag } of options) expect(script).toContain(flag.slice(2))
      }
    }
  })

  test('is in the manual page, and twice made it is the same', () => {
    const page = manualPage(commands, '1.2.3')
    expect(manualPage(commands, '1.2.3')).toBe(page)
    for (const { name, options } of commands) {
      const from = page.indexOf(`.SS weir ${roff(name)}\n`)
      expect(from).toBeGreaterThan(0)
      const section = page.slice(from, page.indexOf('\n.S', from + 1))
      for (const { flag } of options) expect(section).toContain(roff(flag))
    }
  })
})

describe('the manual page', () => {
  const hostile: Command = {
    name: 'odd',
    summary: '.SH evil \\fBbold\\fP',
    usage: "odd 'x'",
    options: [{ flag: '--odd', value: 'A"B', doc: "'br begins with a request’s quote" }],
    notes: ['.de macro', "'nother"],
    examples: [".so /etc/passwd \\n(.z 'a' -b `c` ~ ^"],
    positionalsMax: 0,
    run: () => Promise.resolve(0),
  }
  const write = () => {
    writeFileSync(join(folder, 'weir.1'), manualPage([...commands, hostile], '1.2.3'))
    return join(folder, 'weir.1')
  }

  const noGroff = missing('groff', 'the manual page in groff')
  test.if(!noGroff)('has nothing that groff warns of, and shows text as text', () => {
    const { error, exitCode, out } = ran(['groff', '-man', '-Tutf8', '-ww', '-P-c', write()])
    expect([exitCode, error]).toEqual([0, ''])
    // oxlint-disable-next-line no-control-regex
    const shown = out.replaceAll(/.\u0008/g, '')
    expect(shown).toContain('.SH evil \\fBbold\\fP')
    expect(shown).toContain(".so /etc/passwd \\n(.z 'a' -b `c` ~ ^")
    expect(shown).toContain('.de macro')
    expect(shown).toContain('--odd A"B')
  })

  const noMandoc = missing('mandoc', 'the manual page in mandoc')
  test.if(!noMandoc)('has nothing that mandoc warns of but its missing date', () => {
    const { out, error } = ran(['mandoc', '-Tlint', '-Wwarning', write()])
    // Without a date the same version gives the same bytes.
    const lines = `${out}${error}`
      .split('\n')
      .filter((line) => line !== '' && !line.includes('missing date'))
    expect(lines).toEqual([])
  })
})
