// The tables of checks in `docs/doctor.md`, made of the same words that the program has. Nothing else of the page is touched.

import {
  checkId,
  type DoctorCheck,
  MACHINE_CHECKS,
  PROVIDER_CHECKS,
} from '../core/doctor-checks.ts'

const BEGIN = '<!-- checks -->'
const END = '<!-- /checks -->'

/** The page with its tables of checks made anew. */
export function withDoctorChecks(page: string): string {
  const table = (checks: Readonly<Record<string, DoctorCheck>>, isMachine: boolean) =>
    [
      '| id | looks at | fails or warns |',
      '| --- | --- | --- |',
      ...Object.entries(checks).map(
        ([name, { looks, tells }]) => `| \`${checkId(name, isMachine)}\` | ${looks} | ${tells} |`,
      ),
    ].join('\n')
  const text = `${BEGIN}\n\n### This machine\n\n${table(MACHINE_CHECKS, true)}\n\n### Each provider\n\n${table(PROVIDER_CHECKS, false)}\n\n${END}`
  const [before = '', rest = ''] = page.split(BEGIN)
  return `${before}${text}${rest.slice(rest.indexOf(END) + END.length)}`
}
