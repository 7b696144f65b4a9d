// The `README.md` inside an archive: how to start what was unpacked, and where everything else stands. The repository's own README links to
// files that no archive has; the guide inside the executable has all of them.

import type { ReleaseTarget } from './targets.ts'
import { isWindows } from './targets.ts'

/** @param version of the program */
export function startPage(target: ReleaseTarget, version: string): string {
  const weir = isWindows(target) ? '.\\weir.exe' : './weir'
  const musl = target.endsWith('-musl')
    ? '\nOn Alpine it needs two packages: `apk add libstdc++ libgcc`.\n'
    : ''
  const darwin = target.startsWith('darwin-')
    ? '\nmacOS asks before it runs a file that a browser downloaded; `xattr -d com.apple.quarantine weir` answers once.\n'
    : ''
  return `# Weir ${version} for ${target}

A self-hosted LLM gateway in one executable: every client protocol, every provider, every token authorised, limited, priced and recorded.

    ${weir} serve

Then open http://127.0.0.1:9347/ui, and http://127.0.0.1:9347/docs/guide for the guide, which is inside the executable like everything else.
Providers are found in the environment (OPENAI_API_KEY and others), a local Ollama or LM Studio by itself; mock/echo needs neither.

    ${weir} --help
    ${weir} doctor
    ${weir} setup            # coding tools it can configure
    ${weir} service install  # start it at login
${musl}${darwin}
Beside it: CHANGELOG.md, completions for four shells, the manual page weir.1, LICENSE (Apache-2.0), and THIRD-PARTY-LICENSES.md with the licences of what
is inside.
`
}
