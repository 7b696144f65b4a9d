// Stands in for `systemctl --user` where no systemd runs: it writes down each call, and starts and ends what the unit's ExecStart names, with
// an environment of its own and the unit's file of variables. It knows what `weir service` uses and fails at anything else.

import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.env['WEIR_STAND_IN'] ?? ''
const home = process.env['HOME'] ?? ''
const unitFile = join(home, '.config/systemd/user/weir.service')
const pidFile = join(folder, 'pid')
const argv = process.argv.slice(2)
appendFileSync(join(folder, 'calls'), `${argv.join(' ')}\n`)

function unit(): string {
  return readFileSync(unitFile, 'utf8')
}

function words(): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit())?.[1] ?? ''
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
    text.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$'),
  )
}

function variables(): Record<string, string> {
  const file = /^EnvironmentFile=(.*)$/m.exec(unit())?.[1]
  if (file === undefined) return {}
  const lines = readFileSync(file.replaceAll(/\\(.)/g, '$1').replaceAll('%%', '%'), 'utf8')
  return Object.fromEntries(
    lines
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

function pid(): number | undefined {
  if (!existsSync(pidFile)) return undefined
  const number = Number(readFileSync(pidFile, 'utf8'))
  try {
    process.kill(number, 0)
    return number
  } catch {
    return undefined
  }
}

async function stop(): Promise<void> {
  const number = pid()
  if (number !== undefined) process.kill(number, 'SIGTERM')
  while (pid() !== undefined) await Bun.sleep(10)
  rmSync(pidFile, { force: true })
}

function start(): void {
  if (pid() !== undefined) return
  // In the hands of a shell that ends at once, so that nobody here has to wait for it.
  const child = Bun.spawnSync(
    ['/bin/sh', '-c', '"$@" >"$LOG" 2>&1 </dev/null & echo $!', 'sh', ...words()],
    { env: { HOME: home, PATH: '/usr/bin:/bin', LOG: join(folder, 'log'), ...variables() } },
  )
  writeFileSync(pidFile, child.stdout.toString().trim())
}

const [scope, verb, ...rest] = argv
if (scope !== '--user') process.exit(64)
switch (verb) {
  case 'is-system-running':
    process.stdout.write('running\n')
    break
  case 'daemon-reload':
  case 'reset-failed':
  case 'enable':
    break
  case 'start':
    start()
    break
  case 'restart':
    await stop()
    start()
    break
  case 'stop':
    await stop()
    break
  case 'disable':
    if (rest.includes('--now')) await stop()
    break
  case 'show': {
    const number = pid()
    const [active, sub] = number === undefined ? ['inactive', 'dead'] : ['active', 'running']
    process.stdout.write(
      `LoadState=loaded\nActiveState=${active}\nSubState=${sub}\nMainPID=${number ?? 0}\nResult=success\n`,
    )
    break
  }
  default:
    process.stderr.write(`unknown: ${argv.join(' ')}\n`)
    process.exit(64)
}
