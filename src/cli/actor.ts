// In whose name a command changes things: that of the operating system's user. The store is a file or a database that this user may
// write, which is all the proof there is.

import { userInfo } from 'node:os'
import type { Actor } from '../core/audit.ts'

/** The user who runs the command. */
export function cliActor(): Actor {
  return { kind: 'cli', id: userName() }
}

/** A user id without an account, as in a container, has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
