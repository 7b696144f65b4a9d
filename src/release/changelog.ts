// Reads `CHANGELOG.md` (https://keepachangelog.com/en/1.1.0/): a release takes its notes and its date from it, so that a version without
// a word about it can't be released and every run gives the same bytes.

/** What the changelog says of one version. */
export interface ChangelogSection {
  readonly version: string
  /** `2026-11-21`; undefined under `Unreleased`. */
  readonly date: string | undefined
  /** Markdown below the heading. */
  readonly notes: string
}

const HEADING = /^## \[(?<version>[^\]]+)\](?: - (?<date>\d{4}-\d{2}-\d{2}))?$/

/**
 * The sections from the top.
 * @throws Error for a heading of another form, a version twice, a date that is none, dates that rise downwards, or an empty section
 */
export function changelogSections(markdown: string): ChangelogSection[] {
  const parts = markdown.split(/^(?=## )/m).filter((part) => part.startsWith('## '))
  const sections = parts.map((part) => {
    const [first = '', ...rest] = part.split('\n')
    const { date, version } = HEADING.exec(first)?.groups ?? {}
    if (version === undefined) throw new Error(`changelog: '${first}' is no heading of a version`)
    const notes = rest.join('\n').trim()
    if (notes === '' && version !== 'Unreleased')
      throw new Error(`changelog: ${version} says nothing`)
    return { version, date: checkedDate(version, date), notes }
  })
  for (const [at, { date, version }] of sections.entries()) {
    if (sections.findIndex((each) => each.version === version) !== at) {
      throw new Error(`changelog: ${version} is there twice`)
    }
    const older = sections[at + 1]?.date
    if (date !== undefined && older !== undefined && older > date) {
      throw new Error(`changelog: ${version} is older than what stands below it`)
    }
  }
  return sections
}

/**
 * The section of a version that is to be released.
 * @throws Error where there is none
 */
export function releaseSection(
  markdown: string,
  version: string,
): ChangelogSection & { readonly date: string } {
  const section = changelogSections(markdown).find((each) => each.version === version)
  const date = section?.date
  if (section === undefined || date === undefined) {
    throw new Error(`changelog: there is no section '## [${version}] - YYYY-MM-DD'`)
  }
  return { ...section, date }
}

function checkedDate(version: string, date: string | undefined): string | undefined {
  if (version === 'Unreleased') return undefined
  const isDate = date !== undefined && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date)
  if (!isDate) throw new Error(`changelog: ${version} has no date`)
  return date
}
