// The platforms that Weir is built for, by the names that its archives have. The runtime's own names are these with `bun-` before them.

export const RELEASE_TARGETS = [
  'linux-x64',
  'linux-arm64',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'windows-x64',
  'windows-arm64',
] as const

export type ReleaseTarget = (typeof RELEASE_TARGETS)[number]

/**
 * The platform of that name.
 * @throws RangeError for any other
 */
export function releaseTarget(name: string): ReleaseTarget {
  const target = RELEASE_TARGETS.find((each) => each === name)
  if (target === undefined) {
    throw new RangeError(`'${name}' is none of ${RELEASE_TARGETS.join(', ')}`)
  }
  return target
}

/** The executable's file name, as the build leaves it: `weir-linux-x64`, `weir-windows-x64.exe`. */
export function executableName(target: ReleaseTarget): string {
  return `weir-${target}${isWindows(target) ? '.exe' : ''}`
}

export function isWindows(target: ReleaseTarget): boolean {
  return target.startsWith('windows-')
}
