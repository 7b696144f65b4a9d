// How the default browser is opened on each platform, without a shell in between that could read an address as its own. It starts a
// program and does not wait for it; whether there is a screen to show it on is judged by the environment.

import { LIMITS } from '../core/limits.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The program to which an address is given as its last argument; undefined where nothing could be seen. */
export function browserCommand(
  platform: NodeJS.Platform,
  environment: Environment,
): readonly string[] | undefined {
  if (platform === 'darwin') return ['open']
  // `start` is a word of the shell, to which `&` in an address would be the end of a command.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  const has = (name: string) => (environment[name] ?? '') !== ''
  if (has('WSL_DISTRO_NAME')) return ['rundll32.exe', 'url.dll,FileProtocolHandler']
  return has('DISPLAY') || has('WAYLAND_DISPLAY') ? ['xdg-open'] : undefined
}

/** Starts a program and leaves it. @returns false where there is none of that name, or it failed at once */
export async function launch(command: readonly string[]): Promise<boolean> {
  try {
    const child = Bun.spawn([...command], { stdio: ['ignore', 'ignore', 'ignore'] })
    child.unref()
    const code = await Promise.race([child.exited, Bun.sleep(LIMITS.browserLaunchMs).then(() => 0)])
    return code === 0
  } catch {
    // Not there, or not to be run: the caller shows the address.
    return false
  }
}
