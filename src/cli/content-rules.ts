// `weir content list`, `save` and `delete`: which content of requests is kept, by rules of the file and of the store. Running servers go by a
// change within a second.

import { loadConfig } from '../config/load.ts'
import { CONTENT_KEEPS, CONTENT_SUBJECTS, REDACTIONS, type ContentRule } from '../core/content.ts'
import {
  contentRuleJson,
  contentRuleOf,
  NewContentRuleBody,
} from '../server/admin/content-input.ts'
import { cliActor } from './actor.ts'
import { textOption } from './arguments.ts'
import type { Command, CommandInput } from './command.ts'
import {
  argument,
  changeIn,
  IN_TENANT,
  JSON_ARRAY,
  JSON_OBJECT,
  Problem,
  showRows,
} from './people.ts'
import { ruleOf } from './rules.ts'
import { TENANT_OPTION, tenantOf, withExistingStore } from './store.ts'

export const contentList: Command = {
  name: 'content list',
  summary: 'show which content of requests is kept',
  usage: 'content list [--tenant ID] [--json]',
  options: [TENANT_OPTION, JSON_ARRAY],
  examples: ['weir content list'],
  positionalsMax: 0,
  run: list,
}

async function list(input: CommandInput): Promise<number> {
  const { config } = loadConfig({ flags: input.configFlags })
  const tenantId = tenantOf(input)
  const stored = await withExistingStore(config, input.output, (store) =>
    store.contentRules.list(tenantId),
  )
  showRows<ContentRule>(
    input,
    {
      columns: [
        { header: 'ID', maxWidth: 40 },
        { header: 'PER' },
        { header: 'ONLY', maxWidth: 40 },
        { header: 'KEEP' },
        { header: 'REDACT', maxWidth: 60 },
        { header: 'ORIGIN' },
      ],
      cells: ({ id, keep, only, origin, per, redact }) => [
        id,
        per,
        only ?? '-',
        keep,
        redact?.join(', ') ?? '-',
        origin,
      ],
      json: (rule) => contentRuleJson(rule, tenantId),
      none: `No rules: log.requests is ${config.log.requests} for all.`,
    },
    [...config.content, ...(stored ?? [])],
  )
  return 0
}

export const contentSave: Command = {
  name: 'content save',
  summary: 'make or change a rule of which content is kept',
  usage:
    'content save ID --per WHOM [--only NAME] --keep WHAT [--redact LIST] [--tenant ID] [--json]',
  options: [
    { flag: '--per', value: 'WHOM', doc: `whose requests: ${CONTENT_SUBJECTS.join(', ')}` },
    {
      flag: '--only',
      value: 'NAME',
      doc: 'only the one of this id or name; * stands for any text',
    },
    { flag: '--keep', value: 'WHAT', doc: CONTENT_KEEPS.join(', ') },
    { flag: '--redact', value: 'LIST', doc: `taken out: ${REDACTIONS.join(',')}` },
    IN_TENANT,
    JSON_OBJECT,
  ],
  examples: ['weir content save support --per key --only support-bot --keep content-on-error'],
  positionalsMax: 1,
  run: save,
}

async function save(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the rule')
  const typed = {
    id,
    per: textOption(input, 'per'),
    only: textOption(input, 'only'),
    keep: textOption(input, 'keep'),
    redact: textOption(input, 'redact')
      ?.split(',')
      .map((name) => name.trim()),
  }
  return await changeIn(input, async ({ store, tenantId }) => {
    const rule = ruleOf(NewContentRuleBody, typed, (body) => contentRuleOf(body, { id, tenantId }))
    await store.contentRules.save(rule, cliActor())
    return {
      words: `Rule ${id} saved; running servers go by it now.`,
      json: contentRuleJson(rule, tenantId),
    }
  })
}

export const contentDelete: Command = {
  name: 'content delete',
  summary: 'delete a rule of which content is kept',
  usage: 'content delete ID [--tenant ID] [--json]',
  options: [IN_TENANT, JSON_OBJECT],
  examples: ['weir content delete support'],
  positionalsMax: 1,
  run: remove,
}

async function remove(input: CommandInput): Promise<number> {
  const id = argument(input, 0, 'the id of the rule')
  return await changeIn(input, async ({ store, tenantId }) => {
    if (!(await store.contentRules.remove(tenantId, id, cliActor()))) {
      throw new Problem(`There is no rule '${id}' in the store of the tenant ${tenantId}.`)
    }
    return { words: `Rule ${id} deleted.`, json: { tenant: tenantId, id, deleted: true } }
  })
}
