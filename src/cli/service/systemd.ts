// The systemd unit, of a user or of the whole machine, by systemd.service(5), systemd.exec(5) and systemd.syntax(7). Options that need
// rights a user manager has not are in the machine's unit alone. Nothing here forbids writable and executable memory: Bun compiles as it runs.

import { posix } from 'node:path'
import { UsageError } from '../command.ts'
import {
  carriable,
  decodeRecord,
  encodeRecord,
  serveArguments,
  type PlannedCommand,
  type ServiceFacts,
  type ServiceManager,
  type ServiceState,
} from './plan.ts'

const UNIT = 'weir.service'

/** Where a service of the whole machine may keep its data: the folder that systemd makes for it lies there. */
export const STATE_ROOT = '/var/lib'

/** Folders that a service of the whole machine does not see, or not as others do. */
const HIDDEN = ['/home/', '/root/', '/run/user/', '/tmp/', '/var/tmp/']

const RUNNING = new Set(['running', 'degraded', 'starting', 'initializing'])

/** What any manager can give, a user's included. */
const HARDENING = [
  'NoNewPrivileges=yes',
  'UMask=0077',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'RestrictNamespaces=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'SystemCallArchitectures=native',
]

const SYSTEM_HARDENING = [
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
]

/** One argument of `ExecStart=`, which is unquoted, unescaped, then its specifiers and variables replaced (systemd.service(5)). */
export function execArgument(text: string): string {
  return quoted(carriable(text).replaceAll('%', '%%').replaceAll('$', '$$$$'))
}

/** The program itself: specifiers are replaced in it, variables are not. @throws UsageError for a name that systemd refuses to run */
export function execProgram(path: string): string {
  if (/["'\\]/.test(path)) {
    throw new UsageError(
      'systemd runs no executable whose path has quotes or backslashes in it. Move it elsewhere.',
    )
  }
  return quoted(carriable(path).replaceAll('%', '%%'))
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** The value of `EnvironmentFile=`: a pattern of names after its specifiers, without quotes. @throws UsageError */
export function environmentFileValue(path: string): string {
  if (/^\s|\s$|\\$/.test(path)) {
    throw new UsageError('The path of --env-file must not begin or end with a space.')
  }
  return carriable(path)
    .replaceAll(/[\\*?[\]{}~]/g, (character) => `\\${character}`)
    .replaceAll('%', '%%')
}

/** The unit's text. @throws UsageError for paths that it cannot hold */
export function unitText(facts: ServiceFacts, isSystem: boolean): string {
  const { environmentFile, executable, port, stopTimeoutMs } = facts
  const command = [
    execProgram(executable),
    ...serveArguments(facts, false).map((argument) => execArgument(argument)),
  ]
  return [
    '# Made by "weir service install", which writes it anew when it is run again.',
    '[Unit]',
    'Description=Weir, an LLM gateway',
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    'StartLimitIntervalSec=300',
    'StartLimitBurst=10',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command.join(' ')}`,
    ...(environmentFile === undefined
      ? []
      : [`EnvironmentFile=${environmentFileValue(environmentFile)}`]),
    'Restart=on-failure',
    'RestartSec=2',
    'KillMode=mixed',
    `TimeoutStopSec=${Math.ceil(stopTimeoutMs / 1_000)}`,
    'LimitNOFILE=65536',
    ...HARDENING,
    ...(isSystem ? systemLines(facts, port) : []),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
    '',
    // Sections of this name are others' business to systemd.
    '[X-Weir]',
    `Record=${encodeRecord(facts)}`,
    '',
  ].join('\n')
}

function systemLines({ dataFolder, executable, configFile }: ServiceFacts, port: number): string[] {
  const state = posix.relative(STATE_ROOT, dataFolder)
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(state)) {
    throw new UsageError(
      `With --system the data folder lies in ${STATE_ROOT}, in a folder of letters and digits.`,
    )
  }
  for (const path of [executable, configFile]) {
    const hidden = HIDDEN.find((folder) => path?.startsWith(folder))
    if (hidden === undefined) continue
    throw new UsageError(
      `A service of the whole machine does not see ${hidden.slice(0, -1)}. Put the executable into /usr/local/bin and the configuration into /etc/weir.`,
    )
  }
  const rights = port > 0 && port < 1_024 ? 'CAP_NET_BIND_SERVICE' : ''
  return [
    'DynamicUser=yes',
    `StateDirectory=${state}`,
    'StateDirectoryMode=0700',
    `CapabilityBoundingSet=${rights}`,
    ...(rights === '' ? [] : [`AmbientCapabilities=${rights}`]),
    ...SYSTEM_HARDENING,
  ]
}

/** @param folder where units lie: `~/.config/systemd/user`, `/etc/systemd/system` */
export function systemdManager(folder: string, isSystem: boolean): ServiceManager {
  const control = isSystem ? ['systemctl'] : ['systemctl', '--user']
  const run = (...words: string[]): PlannedCommand => ({ argv: [...control, ...words] })
  const path = posix.join(folder, UNIT)
  return {
    name: `systemd (${isSystem ? 'the whole machine' : 'user'})`,
    path,
    encoding: 'utf8',
    file: (facts) => ({
      path,
      text: unitText(facts, isSystem),
      encoding: 'utf8',
      // The machine's units are anybody's to read; no secret is in one.
      mode: isSystem ? 0o644 : 0o600,
    }),
    install: ({ isChanged }) => [
      ...(isChanged ? [run('daemon-reload')] : []),
      run('enable', UNIT),
      // A unit that gave up after many failures starts again.
      ...(isChanged ? [{ ...run('reset-failed', UNIT), mayFail: true } as const] : []),
      run(isChanged ? 'restart' : 'start', UNIT),
    ],
    start: () => [{ ...run('reset-failed', UNIT), mayFail: true }, run('start', UNIT)],
    stop: () => [run('stop', UNIT)],
    uninstall: () => ({
      before: [{ ...run('disable', '--now', UNIT), mayFail: true }],
      after: [run('daemon-reload'), { ...run('reset-failed', UNIT), mayFail: true }],
    }),
    probe: { ...run('is-system-running'), mayFail: true },
    probeProblem: (output) => (RUNNING.has(output?.trim() ?? '') ? undefined : absent(isSystem)),
    status: run('show', UNIT, '--property=LoadState,ActiveState,SubState,MainPID,Result'),
    readState,
    readRecord: (text) => decodeRecord(/^\[X-Weir\]\nRecord=([\w-]+)$/m.exec(text)?.[1]),
    log: isSystem ? 'journalctl -u weir' : 'journalctl --user -u weir',
  }
}

function absent(isSystem: boolean): string {
  const user = isSystem
    ? ''
    : ' If it does, log in as this user anew, as by ssh: sudo and su give no manager of one’s own.'
  return `systemd does not answer here, as in a container or in WSL without systemd=true in /etc/wsl.conf. Let the container's engine restart Weir, or run 'weir serve' by hand.${user}`
}

function readState(output: string): ServiceState {
  const values = new Map(
    output.split('\n').map((line) => {
      const equals = line.indexOf('=')
      return [line.slice(0, equals), line.slice(equals + 1).trim()] as const
    }),
  )
  const pid = Number(values.get('MainPID') ?? 0)
  const active = values.get('ActiveState') ?? 'unknown'
  const result = values.get('Result') ?? 'success'
  return {
    isRunning: active === 'active' || active === 'reloading',
    ...(pid > 0 ? { pid } : {}),
    word: [active, values.get('SubState'), result === 'success' ? undefined : result]
      .filter((word) => word !== undefined && word !== '')
      .join(', '),
  }
}
