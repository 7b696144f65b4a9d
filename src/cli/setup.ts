// `weir setup TOOL`: tells a coding tool or an editor on this machine of Weir, by its own file of settings: shows what would change, asks, writes,
// and keeps what is needed to take it back. For libraries it prints the lines to paste; without a name it lists what there is.

import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { processSurroundings, variable } from '../config/surroundings.ts'
import { DEFAULT_TENANT_ID } from '../core/principal.ts'
import { LIMITS } from '../core/limits.ts'
import { systemClock } from '../system.ts'
import { cliActor } from './actor.ts'
import { isOn, textOption } from './arguments.ts'
import { confirmed, UNCONFIRMED_CODE } from './confirm.ts'
import type { Command, CommandInput } from './command.ts'
import { printable } from './format.ts'
import { Problem } from './people.ts'
import { addressFor, chooseModel, type NewKey, wantedKey, type WantedKey } from './setup-options.ts'
import { FileProblem, repositoryOf } from './setup/files.ts'
import {
  applyFile,
  checkUnchanged,
  isChanged,
  planDiff,
  planFiles,
  type PlannedFile,
  recordOf,
} from './setup/plan.ts'
import { keyFileOf, readRecord, saveRecord, type SetupRecord } from './setup/records.ts'
import { RunningServer } from './setup/server.ts'
import type { Machine, SetupFacts, SetupTool } from './setup/tool.ts'
import { SETUP_TOOLS } from './setup/tools.ts'
import { withStore } from './store.ts'

export const setup: Command = {
  name: 'setup',
  summary: 'tell a tool on this machine of Weir, or take that back',
  usage: 'setup [TOOL] [--model MODEL] [--new-key | --key KEY] [--yes] [--undo]',
  notes: [
    'Without TOOL it lists the tools, and which of them are here. It changes a tool’s own file of settings: what would',
    'change is shown first, everything else in it stays as it is, and --undo brings back what stood there. For libraries',
    '(openai-python, langchain-js …) it prints a small program. See also: weir setup admin.',
  ],
  options: [
    { flag: '--model', value: 'MODEL', doc: 'model to use: an alias, or provider/model' },
    {
      flag: '--small-model',
      value: 'MODEL',
      doc: 'model for quick work, in tools that know such a thing (else the same)',
    },
    {
      flag: '--url',
      value: 'URL',
      doc: 'address of Weir (else this machine’s, by the configuration)',
    },
    { flag: '--new-key', doc: 'make an API key for the tool' },
    { flag: '--key-name', value: 'NAME', doc: 'name of the key that is made (else the tool’s)' },
    { flag: '--key', value: 'KEY', doc: 'use this API key; - reads it from standard input' },
    { flag: '--from-env', value: 'NAME', doc: 'use the API key in this environment variable' },
    { flag: '--no-key', doc: 'use none, not even the one of the setup before' },
    { flag: '--yes', doc: 'do not ask' },
    { flag: '--dry-run', doc: 'show what would change, and change nothing' },
    { flag: '--undo', doc: 'bring back what stood there before' },
    { flag: '--print', doc: 'print the lines to paste, and change nothing' },
    { flag: '--show-key', doc: 'do not mask keys in what is shown' },
  ],
  examples: [
    'weir setup',
    'weir setup claude-code --model anthropic/claude-sonnet-4-5',
    'weir setup codex --new-key --yes',
    'weir setup claude-code --undo',
    'weir setup openai-python',
  ],
  positionalsMax: 1,
  run,
}

async function run(input: CommandInput): Promise<number> {
  const { output } = input
  try {
    const name = input.positionals[0]
    if (name === undefined)
      return await (await import('./setup-list.ts')).listTools(input, machine())
    const tool = SETUP_TOOLS.find(({ id }) => id === name)
    if (tool === undefined || isOn(input, 'print')) {
      return await (await import('./setup-print.ts')).printLines(input, name)
    }
    if (isOn(input, 'undo')) return await (await import('./setup-undo.ts')).undoSetup(input, tool)
    return await setUp(input, tool)
  } catch (error) {
    if (!(error instanceof Problem) && !(error instanceof FileProblem)) throw error
    output.error(`${printable(error.message)}\n`)
    return 1
  }
}

/** This machine, as tools are looked for on it. */
export function machine(): Machine {
  const surroundings = processSurroundings()
  const PATH = surroundings.environment['PATH'] ?? ''
  return {
    surroundings,
    exists: (path) => existsSync(path),
    which: (command) => Bun.which(command, { PATH }) ?? undefined,
  }
}

async function setUp(input: CommandInput, tool: SetupTool): Promise<number> {
  const { configFlags, output } = input
  const { config } = loadConfig({ flags: configFlags })
  const here = machine()
  const { dataFolder } = config
  const old = readRecord(dataFolder, tool.id)
  const baseUrl = addressFor(input, config)
  const keyFile = keyFileOf(dataFolder, tool.id)
  const key = await wantedKey(input, tool.id, old?.baseUrl === baseUrl ? keyFile : undefined)
  const server = new RunningServer(baseUrl, config.network)
  const before = old?.model
  const chosen = await chooseModel(input, { tool, key, server, baseUrl, before })
  const facts: SetupFacts = {
    baseUrl,
    keyFile,
    model: chosen.model,
    smallModel: chosen.smallModel,
    ...(key.key === undefined ? {} : { key: key.key }),
    ...(chosen.contextTokens === undefined ? {} : { contextTokens: chosen.contextTokens }),
  }
  const plan = planFiles(tool.files(facts, here))
  const notes = [...chosen.notes, ...overriding(tool, here), ...exposed(input, key, plan)]
  for (const note of notes) output.error(`${printable(note)}\n`)
  if (!plan.some(isChanged)) {
    output.out(`${tool.title} is set up already; nothing is to be changed.\n`)
    return 0
  }
  const secrets = key.key === undefined ? [] : [key.key]
  output.out(planDiff(plan, isOn(input, 'show-key') ? undefined : secrets))
  if (isOn(input, 'dry-run')) return 0
  const answer = await confirmed(input, `Change ${tool.title}’s settings as shown? [y/N] `)
  if (answer !== 'yes') return answer === 'no' ? 1 : UNCONFIRMED_CODE
  // Somebody may have edited a file, or set the tool up, while the question stood.
  for (const file of plan.filter(isChanged)) checkUnchanged(file)
  if (!isDeepStrictEqual(readRecord(dataFolder, tool.id), old)) {
    throw new FileProblem(`${tool.title} was set up meanwhile: nothing was changed.`)
  }
  const keyId = await makeWanted(input, config, key.made)
  write(plan, { dataFolder, old, facts, tool, keyId })
  await tellNext(input, { tool, facts, here, key, server })
  return 0
}

/** What of this shell goes before the files, or leads to those of somebody else. */
function overriding(tool: SetupTool, { surroundings }: Machine): string[] {
  const names = tool.overriding ?? []
  const found = names.filter((name) => variable(surroundings, name) !== undefined)
  return [
    ...(found.length === 0
      ? []
      : [`Note: ${found.join(', ')} is set here and may go before these settings.`]),
    ...(variable(surroundings, 'SUDO_USER') === undefined
      ? []
      : [`Note: run by sudo, this sets up what is in ${surroundings.home}.`]),
  ]
}

/** Where others may come by the key. */
function exposed(input: CommandInput, key: WantedKey, plan: readonly PlannedFile[]): string[] {
  const given = textOption(input, 'key')
  const isSeen = given !== undefined && given !== '-'
  const kept = plan.filter(({ isPrivate, path }) => isPrivate && repositoryOf(path) !== undefined)
  return [
    ...(isSeen
      ? ['Note: other programs can read the arguments of a command; --key - reads the key unseen.']
      : []),
    ...(key.key === undefined ? [] : kept).map(
      ({ path }) => `Note: ${path} lies in a git repository, and will hold the key.`,
    ),
  ]
}

async function makeWanted(
  { output }: CommandInput,
  config: ReturnType<typeof loadConfig>['config'],
  made: NewKey | undefined,
): Promise<string | undefined> {
  if (made === undefined) return undefined
  const { hash, id, lastFour, name, prefix } = made
  await withStore(config, output, async (store) => {
    const createdMs = systemClock.nowMs()
    const wanted = { hash, id, lastFour, name, prefix, createdMs, tenantId: DEFAULT_TENANT_ID }
    await store.keys.create(wanted, cliActor())
  })
  output.error(`Key '${printable(name)}' made (****${lastFour}).\n`)
  return id
}

interface Writing {
  readonly dataFolder: string
  readonly old: SetupRecord | undefined
  readonly facts: SetupFacts
  readonly tool: SetupTool
  readonly keyId: string | undefined
}

/** What was there is kept before anything is written. */
function write(
  plan: readonly PlannedFile[],
  { dataFolder, facts, keyId, old, tool }: Writing,
): void {
  const changed = plan.filter(isChanged)
  const oldOf = (path: string) => old?.files.find((file) => file.path === path)
  const others = (old?.files ?? []).filter(
    (file) => !changed.some(({ path }) => path === file.path),
  )
  const record = {
    version: 1,
    tool: tool.id,
    madeMs: systemClock.nowMs(),
    baseUrl: facts.baseUrl,
    model: facts.model,
    ...(keyId === undefined ? {} : { keyId }),
    files: [...others, ...changed.map((file) => recordOf(file, oldOf(file.path)))],
  } as const
  saveRecord(dataFolder, record)
  const made = new Map(changed.map((file) => [file.path, applyFile(file)]))
  const files = record.files.map((file) => ({
    ...file,
    folders: [...file.folders, ...(made.get(file.path) ?? [])],
  }))
  saveRecord(dataFolder, { ...record, files })
}

/** Asks Weir once as the tool will, and says what to run. */
async function tellNext(
  { configFlags, output }: CommandInput,
  {
    facts,
    here,
    key,
    server,
    tool,
  }: {
    readonly tool: SetupTool
    readonly facts: SetupFacts
    readonly here: Machine
    readonly key: WantedKey
    readonly server: RunningServer
  },
): Promise<void> {
  output.out(`${tool.title} is set up: ${printable(facts.model)} by ${facts.baseUrl}.\n`)
  const limit = systemClock.monotonicMs() + LIMITS.setupKeyTimeoutMs
  let told = await server.models(facts.key)
  while (key.made !== undefined && told.state === 'refused' && systemClock.monotonicMs() < limit) {
    await Bun.sleep(LIMITS.setupKeyTimeoutMs / 30)
    told = await server.models(facts.key)
  }
  if (told.state === 'models') {
    const knows =
      told.models.some(({ id }) => id === facts.model) ||
      (await server.knows(facts.model, facts.key)) !== false
    output.out(knows ? 'Weir answers there with these settings.\n' : '')
    if (!knows) output.error(`Weir has no model '${printable(facts.model)}' for this key.\n`)
  } else if (told.state === 'refused') output.error('Weir there refuses this key.\n')
  else
    output.error(`Weir does not answer there now (${told.reason}): start it with 'weir serve'.\n`)
  const next = tool.next(facts, here)
  output.out(`Next:\n${next.map((line) => `  ${printable(line)}\n`).join('')}`)
  const folder = configFlags.data
  const data = folder === undefined ? '' : ` --data ${/\s/.test(folder) ? `"${folder}"` : folder}`
  output.out(`Take it back with: weir setup ${tool.id} --undo${printable(data)}\n`)
}
