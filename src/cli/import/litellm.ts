// LiteLLM’s proxy configuration as one of Weir. It reads what was parsed, part by part in the order in which they need each other, and writes
// nothing itself; what stays behind is told with its reason.

import { isObject } from '../../core/json.ts'
import { Draft, type DraftOptions } from './draft.ts'
import { Ledger, type Cursor } from './ledger.ts'
import { leave, ModelList } from './litellm-models.ts'
import { Routing } from './litellm-routing.ts'
import { readGuardrails, Settings } from './litellm-settings.ts'

const SECTIONS_LEFT: Readonly<Record<string, readonly [note: string, way?: string]>> = {
  finetune_settings: ['such requests go raw to a provider', 'Call /proxy/{provider}/….'],
  files_settings: ['such requests go raw to a provider', 'Call /proxy/{provider}/….'],
  mcp_servers: ['tools are the client’s'],
  mcp_tools: ['tools are the client’s'],
  vector_store_registry: ['there are no vector stores'],
  search_tools: ['tools are the client’s'],
  prompts: ['prompts are the client’s'],
  callback_settings: ['what is sent is said by exports and tracing', 'Set exports[].content.'],
  policies: ['guardrails name whom they hold for', 'Set guardrails[].for and models.'],
  agent_list: ['there are no agents'],
}

/** @throws SourceError for a document that is too deep or too large */
export function fromLitellm(document: unknown, options: DraftOptions): Draft {
  const ledger = new Ledger(document)
  const draft = new Draft(ledger, options)
  const { root } = ledger
  const strategy = root.get('router_settings', 'routing_strategy').text ?? 'simple-shuffle'
  const credentials = credentialsOf(root.get('credential_list'))
  const models = new ModelList(draft, credentials, strategy === 'simple-shuffle')
  models.read(root.get('model_list'))
  new Routing(draft).read(root.get('router_settings'), root.get('litellm_settings'))
  new Settings(draft).read(root.get('litellm_settings'), root.get('general_settings'))
  const rules = root.get('guardrails')
  readGuardrails(rules.isThere ? rules : root.get('litellm_settings', 'guardrails'), draft)
  credentialsLeft(root.get('credential_list'))
  variables(root.get('environment_variables'), draft)
  leave(root, SECTIONS_LEFT)
  return draft
}

function credentialsOf(list: Cursor): ReadonlyMap<string, Cursor> {
  return new Map(
    list.members().flatMap(([, one]) => {
      const name = one.get('credential_name').text
      return name === undefined ? [] : [[name, one.get('credential_values')] as const]
    }),
  )
}

/** A credential that a model used has told its parts; its name and description need nothing. */
function credentialsLeft(list: Cursor): void {
  for (const [, one] of list.members()) {
    const values = one.get('credential_values')
    const isUsed = values.members().some(([, at]) => at.isSettled)
    if (isUsed) {
      one.get('credential_name').carried('providers[].keys')
      one.get('credential_info').left('describes it and does nothing')
      values.left('no model that was carried uses it')
    } else one.left('no model that was carried uses it')
  }
}

/** Values that LiteLLM puts into the environment: those that something refers to must be set for Weir as well. */
function variables(section: Cursor, draft: Draft): void {
  if (section.isThere && !isObject(section.value)) {
    section.left('is no mapping')
    return
  }
  for (const [name, at] of section.members()) {
    const value = at.number === undefined ? at.text : String(at.value)
    if (value === undefined || !draft.secrets.isNeeded(name)) {
      at.left('nothing that was carried refers to it')
      continue
    }
    draft.secrets.give(name, value)
    at.changed('the environment', 'set it where Weir runs')
  }
}
