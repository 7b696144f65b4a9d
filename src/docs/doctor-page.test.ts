// `docs/doctor.md` says of every check what the program says, and the program runs no check that the page does not have.

import { expect, test } from 'bun:test'
import { MACHINE_CHECKS, PROVIDER_CHECKS } from '../core/doctor-checks.ts'
import { withDoctorChecks } from './doctor-checks.ts'

const page = await Bun.file(new URL('../../docs/doctor.md', import.meta.url)).text()

/** Tables are set out by the formatter. */
function bare(text: string): string {
  return text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---')
}

test('the page is as the code has it', () => {
  expect(bare(withDoctorChecks(page))).toBe(bare(page))
})

test('every step that the command runs is on the page', async () => {
  const folder = new URL('../cli/', import.meta.url).pathname
  const known = new Set([...Object.keys(MACHINE_CHECKS), ...Object.keys(PROVIDER_CHECKS)])
  const seen = new Set<string>()
  for (const file of new Bun.Glob('{doctor,provider-check}*.ts').scanSync(folder)) {
    if (file.endsWith('.test.ts')) continue
    const text = await Bun.file(`${folder}${file}`).text()
    for (const match of text.matchAll(/(?:runStep|check\.step|skipped|run)\(\s*\[?'([a-z ]+)'/g))
      seen.add(match[1]!)
    for (const list of text.matchAll(/(?:AFTER_CONFIGURATION|LAYERS) = \[([^\]]*)\]/g)) {
      for (const name of list[1]!.matchAll(/'([a-z ]+)'/g)) seen.add(name[1]!)
    }
  }
  expect([...seen].filter((name) => !known.has(name))).toEqual([])
  // That it saw them.
  expect([...known].filter((name) => !seen.has(name))).toEqual([])
})
