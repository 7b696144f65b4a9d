// Service files read by others' programs: systemd's own checker, and the readers of property lists and XML in Python's library. What a
// machine lacks is said.

import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ServiceFacts } from './plan.ts'
import { plistText } from './launchd.ts'
import { unitText } from './systemd.ts'
import { taskText } from './task-scheduler.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-service-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A name with everything that a reader could take for its own. */
const HOSTILE = `o'h "dear" $HOME %h & <b> ; {x} \\n \u00e9\u{1f600}`

const FACTS: ServiceFacts = {
  executable: join(folder, '$HOME %h & ; {x} *é', 'weir'),
  dataFolder: join(folder, HOSTILE, 'data'),
  configFile: join(folder, HOSTILE, 'weir.yaml'),
  environmentFile: join(folder, HOSTILE, 'keys.env'),
  home: join(folder, 'home'),
  userName: 'ada & <co>',
  uid: 1000,
  stopTimeoutMs: 40_000,
  port: 9347,
}

mkdirSync(join(folder, HOSTILE))
mkdirSync(dirname(FACTS.executable))
writeFileSync(FACTS.executable, '#!/bin/sh\n')
chmodSync(FACTS.executable, 0o755)
writeFileSync(FACTS.environmentFile!, 'A=1\n', { mode: 0o600 })

function ran(argv: string[]) {
  const { exitCode, stderr, stdout } = Bun.spawnSync(argv, {
    env: { PATH: process.env['PATH'] ?? '', HOME: folder, XDG_RUNTIME_DIR: folder },
  })
  return { exitCode, out: stdout.toString(), said: `${stdout.toString()}${stderr.toString()}` }
}

describe('systemd', () => {
  const isThere = Bun.which('systemd-analyze') !== null
  if (!isThere) process.stdout.write('left out: units read by systemd: no systemd-analyze\n')

  // It reads the unit and starts nothing.
  const verify = (text: string, name: string) => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return ran(['systemd-analyze', 'verify', '--user', '--man=no', '--generators=no', file])
  }

  test.if(isThere)('finds nothing wrong with a unit, and the executable by its odd name', () => {
    const { exitCode, said } = verify(unitText(FACTS, false), 'weir.service')
    expect([exitCode, said]).toEqual([0, ''])
  })

  test.if(isThere)(
    'would have found it: an executable that is not there, an option unknown',
    () => {
      const gone = verify(unitText({ ...FACTS, executable: '/no/weir' }, false), 'gone.service')
      expect(gone.said).toContain('/no/weir')
      const odd = unitText(FACTS, false).replace('Restart=', 'Restrat=')
      expect(verify(odd, 'odd.service').said).toContain('Restrat')
    },
  )

  test.if(isThere)('knows every option of the unit of the whole machine', () => {
    const facts: ServiceFacts = { ...FACTS, executable: '/bin/true', dataFolder: '/var/lib/weir' }
    const { configFile: _none, ...rest } = facts
    const { exitCode, said } = verify(unitText({ ...rest, port: 443 }, true), 'whole.service')
    expect([exitCode, said]).toEqual([0, ''])
  })
})

describe('Python', () => {
  const python = Bun.which('python3')
  if (python === null) process.stdout.write('left out: plist and task read by Python: no python3\n')

  const read = (script: string, bytes: string | Buffer) => {
    const file = join(folder, 'read')
    writeFileSync(file, bytes)
    const { exitCode, out, said } = ran([python!, '-c', script, file])
    expect([exitCode, exitCode === 0 ? '' : said]).toEqual([0, ''])
    return JSON.parse(out) as Record<string, unknown>
  }

  test.if(python !== null)('reads the launch agent as it was meant', () => {
    const script =
      'import plistlib,json,sys; print(json.dumps(plistlib.load(open(sys.argv[1],"rb"))))'
    const { WeirRecord, ...rest } = read(script, plistText(FACTS))
    expect(WeirRecord).toBeString()
    const log = join(FACTS.home, 'Library/Logs/weir.log')
    expect(rest).toEqual({
      Label: 'local.weir.gateway',
      ProgramArguments: [
        FACTS.executable,
        'serve',
        '--config',
        FACTS.configFile!,
        '--data',
        FACTS.dataFolder,
        '--env-file',
        FACTS.environmentFile!,
      ],
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      ThrottleInterval: 5,
      ExitTimeOut: 40,
      Umask: 63,
      SoftResourceLimits: { NumberOfFiles: 10_240 },
      StandardOutPath: log,
      StandardErrorPath: log,
    })
  })

  /** In the order that the schema's sequences and the Task Scheduler want. */
  const SCRIPT = `
import sys, json, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
def walk(element): return [element.tag.split('}')[1], [walk(child) for child in element] or element.text]
print(json.dumps({'ns': root.tag, 'tree': walk(root)}))`

  test.if(python !== null)('reads the task, whose elements are those of the schema', () => {
    const facts = {
      ...FACTS,
      executable: 'C:\\Program Files\\R&D <x>\\weir.exe',
      dataFolder: "C:\\Users\\o'h\\data\\",
      configFile: 'C:\\weir.yaml',
      environmentFile: 'C:\\keys.env',
    }
    const text = `\ufeff${taskText(facts)}`
    const { ns, tree } = read(SCRIPT, Buffer.from(text, 'utf16le'))
    expect(ns).toBe('{http://schemas.microsoft.com/windows/2004/02/mit/task}Task')
    const [, parts] = tree as [string, [string, unknown][]]
    expect(parts.map(([name]) => name)).toEqual([
      'RegistrationInfo',
      'Triggers',
      'Principals',
      'Settings',
      'Actions',
    ])
    const flat = JSON.stringify(tree)
    expect(flat).toContain(JSON.stringify(['Command', facts.executable]))
    expect(flat).toContain(JSON.stringify(['UserId', 'ada & <co>']))
    const settings = parts[3]![1] as [string, unknown][]
    for (const [name] of settings) expect(SETTINGS).toContain(name)
    expect(Object.fromEntries(settings)['RestartOnFailure']).toEqual([
      ['Interval', 'PT1M'],
      ['Count', '10'],
    ])
  })
})

/** `settingsType` of the Task Scheduler Schema 1.2. */
const SETTINGS = [
  'AllowStartOnDemand',
  'RestartOnFailure',
  'MultipleInstancesPolicy',
  'DisallowStartIfOnBatteries',
  'StopIfGoingOnBatteries',
  'AllowHardTerminate',
  'StartWhenAvailable',
  'NetworkProfileName',
  'RunOnlyIfNetworkAvailable',
  'WakeToRun',
  'Enabled',
  'Hidden',
  'DeleteExpiredTaskAfter',
  'IdleSettings',
  'NetworkSettings',
  'ExecutionTimeLimit',
  'Priority',
  'RunOnlyIfIdle',
]
