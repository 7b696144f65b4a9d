// The task of Windows' Task Scheduler that runs Weir from logon on, by the Task Scheduler Schema 1.2. Why it is no service of the service
// control manager stands in docs/decisions/windows-service.md. Keys are in no task: Weir reads a file with variables itself.

import { win32 } from 'node:path'
import { UsageError } from '../command.ts'
import {
  carriable,
  decodeRecord,
  encodeRecord,
  serveArguments,
  xmlText,
  type PlannedCommand,
  type ServiceFacts,
  type ServiceManager,
  type ServiceState,
} from './plan.ts'

const TASK = 'Weir'

/** One argument as `CommandLineToArgvW` and the C runtime read it: backslashes count before a quote alone. */
export function windowsArgument(text: string): string {
  const path = carriable(text)
  // Task Scheduler replaces %NAME% and $(Arg0) in an action, and knows no way to write them plainly.
  if (path.includes('%') || path.includes('$(')) {
    throw new UsageError('A path with % or $( cannot be that of a task of Windows.')
  }
  const escaped = path
    .replaceAll(/(\\*)"/g, (_all, slashes: string) => `${slashes}${slashes}\\"`)
    .replace(/\\+$/, (slashes) => `${slashes}${slashes}`)
  return `"${escaped}"`
}

/** The task. @throws UsageError for paths that it cannot hold */
export function taskText(facts: ServiceFacts): string {
  const { executable, userName } = facts
  const argv = serveArguments(facts, true).map((argument) => windowsArgument(argument))
  return [
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">',
    '  <RegistrationInfo>',
    '    <Description>Weir, an LLM gateway</Description>',
    `    <Documentation>weir-record:${encodeRecord(facts)}</Documentation>`,
    '  </RegistrationInfo>',
    '  <Triggers>',
    '    <LogonTrigger>',
    '      <Enabled>true</Enabled>',
    `      <UserId>${xmlText(userName)}</UserId>`,
    '    </LogonTrigger>',
    '  </Triggers>',
    '  <Principals>',
    '    <Principal id="Author">',
    `      <UserId>${xmlText(userName)}</UserId>`,
    '      <LogonType>InteractiveToken</LogonType>',
    '      <RunLevel>LeastPrivilege</RunLevel>',
    '    </Principal>',
    '  </Principals>',
    '  <Settings>',
    '    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>',
    '    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>',
    '    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>',
    '    <AllowHardTerminate>true</AllowHardTerminate>',
    '    <StartWhenAvailable>true</StartWhenAvailable>',
    '    <AllowStartOnDemand>true</AllowStartOnDemand>',
    '    <Enabled>true</Enabled>',
    '    <Hidden>false</Hidden>',
    '    <RunOnlyIfIdle>false</RunOnlyIfIdle>',
    '    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>',
    '    <Priority>5</Priority>',
    '    <RestartOnFailure>',
    '      <Interval>PT1M</Interval>',
    '      <Count>10</Count>',
    '    </RestartOnFailure>',
    '  </Settings>',
    '  <Actions Context="Author">',
    '    <Exec>',
    `      <Command>${xmlText(windowsArgument(executable).slice(1, -1))}</Command>`,
    `      <Arguments>${xmlText(argv.join(' '))}</Arguments>`,
    '    </Exec>',
    '  </Actions>',
    '</Task>',
    '',
  ].join('\r\n')
}

/** @param folder of the user's configuration, where the task's text is kept */
export function taskManager(folder: string): ServiceManager {
  const path = win32.join(folder, 'service-task.xml')
  const tasks = (...words: string[]): PlannedCommand => ({ argv: ['schtasks', ...words] })
  const name = ['/TN', TASK]
  const end: PlannedCommand = { ...tasks('/End', ...name), mayFail: true }
  return {
    name: 'Task Scheduler',
    path,
    encoding: 'utf16le',
    file: (facts) => ({ path, text: taskText(facts), encoding: 'utf16le', mode: 0o600 }),
    install: ({ isChanged, wasThere }) => [
      ...(isChanged && wasThere ? [end] : []),
      // Always: the file may be there and the task not, where an installation failed half-way.
      tasks('/Create', ...name, '/XML', path, '/F'),
      tasks('/Run', ...name),
    ],
    start: () => [tasks('/Run', ...name)],
    stop: () => [tasks('/End', ...name)],
    uninstall: () => ({ before: [end, tasks('/Delete', ...name, '/F')], after: [] }),
    probeProblem: () => undefined,
    known: tasks('/Query', ...name),
    // The table of `schtasks /Query` speaks the user's language; this word does not.
    status: {
      argv: [
        'powershell',
        '-NoProfile',
        '-NonInteractive',
        '-Command',
        `(Get-ScheduledTask -TaskName '${TASK}' -ErrorAction Stop).State.ToString()`,
      ],
    },
    readState,
    readRecord: (text) => decodeRecord(/weir-record:([\w-]+)</.exec(text)?.[1]),
    log: 'the window of the task',
  }
}

function readState(output: string, succeeded: boolean): ServiceState {
  if (!succeeded) return { isRunning: false, word: 'not registered' }
  const word = output.trim()
  return { isRunning: word === 'Running', word }
}
