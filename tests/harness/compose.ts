// Reads Compose files with the library of Docker Compose itself (tests/compose, a dozen lines of Go): what it refuses, Docker Compose refuses, and
// what it prints is what that would start. No machine of a test can be expected to have Docker.

import { dirname } from 'node:path'

/** One service as Compose understood it, as far as tests look at it. */
export interface ComposeService {
  readonly image?: string
  readonly user?: string
  readonly restart?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly privileged?: boolean
  readonly command?: readonly string[] | null
  readonly environment?: Readonly<Record<string, string | null>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly stop_grace_period?: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly networks?: Readonly<
    Record<string, { readonly ipv4_address?: string; readonly aliases?: readonly string[] } | null>
  >
  readonly ports?: readonly {
    readonly host_ip?: string
    readonly target: number
    readonly published?: string
  }[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly configs?: readonly { readonly source: string; readonly target: string }[]
  readonly volumes?: readonly {
    readonly type: string
    readonly source: string
    readonly target: string
  }[]
}

export interface ComposeProject {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly configs?: Readonly<Record<string, { readonly file: string }>>
  readonly networks?: Readonly<
    Record<
      string,
      {
        readonly internal?: boolean
        readonly ipam?: {
          readonly config?: readonly { readonly subnet: string; readonly ip_range?: string }[]
        }
      }
    >
  >
}

export type ComposeResult =
  | { readonly project: ComposeProject; readonly refused?: undefined }
  | { readonly project?: undefined; readonly refused: string }

/** Reads one file with nothing but these variables around it. */
export async function readCompose(
  program: string,
  file: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ComposeResult> {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const child = Bun.spawn([program, file, ...variables], {
    cwd: dirname(file),
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0) return { refused: error }
  return { project: JSON.parse(out) as ComposeProject }
}
