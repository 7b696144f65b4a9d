// The launch agent of macOS, by launchd.plist(5): it starts at login and again after a failure. What it prints goes to a file of the
// user's logs; keys are in no plist, as any program of the user reads those: Weir reads a file with variables itself.

import { posix } from 'node:path'
import {
  decodeRecord,
  encodeRecord,
  serveArguments,
  xmlText,
  type PlannedCommand,
  type ServiceFacts,
  type ServiceManager,
  type ServiceState,
} from './plan.ts'

export const LABEL = 'local.weir.gateway'

/** The property list. @throws UsageError for paths that it cannot hold */
export function plistText(facts: ServiceFacts): string {
  const { executable, home, stopTimeoutMs } = facts
  const log = logPath(home)
  const text = (value: string) => `<string>${xmlText(value)}</string>`
  const argv = [executable, ...serveArguments(facts, true)]
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  <key>Label</key>${text(LABEL)}`,
    '  <key>ProgramArguments</key>',
    '  <array>',
    ...argv.map((argument) => `    ${text(argument)}`),
    '  </array>',
    '  <key>RunAtLoad</key><true/>',
    '  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>',
    '  <key>ThrottleInterval</key><integer>5</integer>',
    `  <key>ExitTimeOut</key><integer>${Math.ceil(stopTimeoutMs / 1_000)}</integer>`,
    // 0077: launchd wants decimal numbers.
    '  <key>Umask</key><integer>63</integer>',
    '  <key>SoftResourceLimits</key><dict><key>NumberOfFiles</key><integer>10240</integer></dict>',
    `  <key>StandardOutPath</key>${text(log)}`,
    `  <key>StandardErrorPath</key>${text(log)}`,
    `  <key>WeirRecord</key>${text(encodeRecord(facts))}`,
    '</dict>',
    '</plist>',
    '',
  ].join('\n')
}

function logPath(home: string): string {
  return posix.join(home, 'Library', 'Logs', 'weir.log')
}

/** @param uid of the user whose desktop it belongs to */
export function launchdManager(home: string, uid: number): ServiceManager {
  const path = posix.join(home, 'Library', 'LaunchAgents', `${LABEL}.plist`)
  const domain = `gui/${uid}`
  const target = `${domain}/${LABEL}`
  const run = (...words: string[]): PlannedCommand => ({ argv: ['launchctl', ...words] })
  const load: PlannedCommand[] = [
    run('enable', target),
    // It fails where it is loaded already; the kickstart after it tells whether it is.
    { ...run('bootstrap', domain, path), mayFail: true },
    run('kickstart', target),
  ]
  const unload: PlannedCommand = { ...run('bootout', target), mayFail: true }
  return {
    name: 'launchd',
    path,
    encoding: 'utf8',
    file: (facts) => ({ path, text: plistText(facts), encoding: 'utf8', mode: 0o600 }),
    install: ({ isChanged, wasThere }) => [...(isChanged && wasThere ? [unload] : []), ...load],
    start: () => load,
    // Unloaded, or it would begin again at the next failure; `start` loads it.
    stop: () => [run('bootout', target)],
    uninstall: () => ({ before: [unload], after: [] }),
    probeProblem: () => undefined,
    known: run('print', target),
    status: run('print', target),
    readState,
    readRecord: (text) =>
      decodeRecord(/<key>WeirRecord<\/key><string>([\w-]+)<\/string>/.exec(text)?.[1]),
    log: `tail -f ${logPath(home)}`,
  }
}

function readState(output: string, succeeded: boolean): ServiceState {
  if (!succeeded) return { isRunning: false, word: 'not loaded' }
  const state = /^\s*state = (.+)$/m.exec(output)?.[1]?.trim() ?? 'unknown'
  const pid = Number(/^\s*pid = (\d+)$/m.exec(output)?.[1] ?? 0)
  return { isRunning: state === 'running', ...(pid > 0 ? { pid } : {}), word: state }
}
