// One entry of LiteLLM’s model_list as a provider and a target of Weir: who is asked, where, with what credential and for how long. What
// concerns the model as a whole (limits, prices, defaults) is in `litellm-models.ts`.

import type { JsonValue } from '../../core/json.ts'
import { isAwsRegion } from '../../core/aws.ts'
import type { Draft, ProviderForm } from './draft.ts'
import type { Cursor } from './ledger.ts'
import {
  LITELLM_OTHERS,
  LITELLM_PROVIDERS,
  namedModel,
  type ProviderKind,
} from './litellm-providers.ts'
import { variableOf } from './secrets.ts'

export interface Deployment {
  readonly provider: string
  /** LiteLLM’s name of the provider. */
  readonly kind: string
  readonly model: string
}

/** What cannot be carried, for the whole entry. */
export interface Refusal {
  readonly refused: string
  readonly way?: string
}

/** Credentials by name, of `credential_list`. */
export type Credentials = ReadonlyMap<string, Cursor>

type Form = Record<string, JsonValue>

/** Reads an entry. What it uses is told in the ledger; of a refused entry nothing is. */
export function readDeployment(
  params: Cursor,
  draft: Draft,
  credentials: Credentials,
): Deployment | Refusal {
  const model = params.get('model')
  const text = model.text
  if (text === undefined) return { refused: 'has no litellm_params.model' }
  if (variableOf(text) !== undefined) {
    return { refused: 'takes the name of its model from a variable', way: 'Write the name.' }
  }
  const named = namedModel(text, params.get('custom_llm_provider').text)
  const kind = named.provider ?? (params.any('api_base', 'base_url').isThere ? 'openai' : undefined)
  if (kind === undefined) {
    return {
      refused: 'names no provider before its model, and the name tells none',
      way: text.includes('*')
        ? 'Declare the providers: a client asks for any model of theirs as provider/model.'
        : 'Write it as provider/model.',
    }
  }
  if (!Object.hasOwn(LITELLM_PROVIDERS, kind)) {
    return {
      refused: 'is of a provider that speaks nothing Weir speaks',
      way: Object.hasOwn(LITELLM_OTHERS, kind)
        ? LITELLM_OTHERS[kind]!
        : 'Where it has an OpenAI-compatible API, declare it as a provider of type custom.',
    }
  }
  const address = params.any('api_base', 'base_url').text ?? ''
  // An address that leads to a deployment goes before the name.
  const inAddress =
    kind === 'azure' ? /\/openai\/deployments\/([\w.-]+)/.exec(address)?.[1] : undefined
  const { own, region } = ownName(kind, inAddress ?? named.model)
  if (own === '' || draft.problem('models.targets.model', draft.secrets.plain(own)) !== undefined) {
    return { refused: 'has a name of a model that cannot be one' }
  }
  const reader = new DeploymentReader(params, draft, credentials)
  const form = reader.form(kind, LITELLM_PROVIDERS[kind]!, region)
  if (isRefusal(form)) return form
  const provider = draft.provider(kind, form)
  model.carried('models[].targets[].model')
  params.get('custom_llm_provider').carried('providers[].type')
  return { provider, kind, model: draft.secrets.plain(own) }
}

function isRefusal(form: ProviderForm | Refusal): form is Refusal {
  return !('type' in form)
}

/** The provider’s own name of a model, without what LiteLLM writes before it: the path to ask on, the kind of model, Bedrock’s region. */
function ownName(kind: string, name: string): { readonly own: string; readonly region?: string } {
  if (kind === 'bedrock' || kind === 'bedrock_converse') {
    const bare = name.replace(/^(?:converse_like|converse|invoke)\//, '')
    const slash = bare.indexOf('/')
    const region = bare.slice(0, Math.max(slash, 0))
    return isAwsRegion(region) ? { own: bare.slice(slash + 1), region } : { own: bare }
  }
  if (kind === 'openai') return { own: name.replace(/^responses\//, '') }
  if (kind === 'azure') return { own: name.replace(/^(?:responses|o_series|gpt5_series)\//, '') }
  return { own: name }
}

/** What LiteLLM’s addresses have behind them and Weir’s have not. */
const TAILS: Readonly<Record<string, RegExp>> = {
  anthropic: /\/v1(?:\/messages)?\/?$/,
  cohere: /\/v[12](?:\/(?:chat|embed|generate))?\/?$/,
  azure: /\/openai(?:\/.*)?$/,
  ollama: /\/(?:api|v1)(?:\/.*)?$/,
}

class DeploymentReader {
  private readonly params: Cursor
  private readonly draft: Draft
  private readonly credential: Cursor

  constructor(params: Cursor, draft: Draft, credentials: Credentials) {
    this.params = params
    this.draft = draft
    const name = params.get('litellm_credential_name')
    const values = name.text === undefined ? undefined : credentials.get(name.text)
    this.credential = values ?? params.none
    if (values === undefined) name.left('no credential of that name is declared')
    else name.carried('providers[].keys')
  }

  /** @param inName the region that a model of Bedrock is named with */
  form(name: string, kind: ProviderKind, inName: string | undefined): ProviderForm | Refusal {
    const form: Form = { type: kind.type }
    if (kind.type === 'custom') form['compatible'] = kind.compatible ?? 'openai'
    const wrong =
      kind.type === 'bedrock' ? this.bedrock(form, inName) : this.place(name, kind, form)
    if (wrong !== undefined) return wrong
    this.version(kind, form)
    if (kind.type !== 'bedrock') this.credentials(name, kind, form)
    this.headers(form)
    this.times(form)
    this.network(form)
    return form as ProviderForm
  }

  private value(...names: readonly string[]): Cursor {
    const own = this.params.any(...names)
    return own.isThere ? own : this.credential.any(...names)
  }

  private place(name: string, kind: ProviderKind, form: Form): Refusal | undefined {
    const given = this.value('api_base', 'base_url')
    const { text } = given
    if (text === undefined) {
      if (kind.baseUrl !== undefined) form['base_url'] = kind.baseUrl
      if (kind.baseUrl === undefined && kind.baseVariable !== undefined) {
        form['base_url'] = this.draft.secrets.variable(kind.baseVariable)
      }
      given.left('is no address')
      return undefined
    }
    const bare = text.replace(TAILS[kind.type] ?? /\/+$/, '').replace(/\/+$/, '')
    const written = this.draft.secrets.plain(bare)
    const problem = this.draft.problem('providers.base_url', written)
    if (problem !== undefined) {
      return { refused: `has an api_base that ${problem}`, way: 'Correct it in the source.' }
    }
    form['base_url'] = written
    // A server of somebody else’s that speaks as OpenAI does.
    if (name === 'openai' && !/^https:\/\/api\.openai\.com(?:\/|$)/.test(bare)) {
      form['type'] = 'custom'
      form['compatible'] = 'openai'
    }
    given.carried('providers[].base_url')
    return undefined
  }

  private version(kind: ProviderKind, form: Form): void {
    const version = this.value('api_version')
    if (!version.isThere) {
      const inAddress = kind.type === 'azure' ? /[?&]api-version=([\w.-]+)/ : undefined
      const found = inAddress?.exec(this.value('api_base', 'base_url').text ?? '')?.[1]
      if (found !== undefined) form['api_version'] = found
      return
    }
    const written = version.text === undefined ? undefined : this.draft.secrets.plain(version.text)
    if (kind.type !== 'azure') version.left('only Azure has versions in its addresses')
    else if (written === undefined || this.draft.problem('providers.api_version', written)) {
      version.left('is no version')
    } else {
      form['api_version'] = written
      version.carried('providers[].api_version')
    }
  }

  private credentials(name: string, kind: ProviderKind, form: Form): void {
    const key = this.value('api_key')
    const { secrets } = this.draft
    const entra = kind.type === 'azure' && key.text === undefined ? this.entra() : undefined
    if (entra !== undefined) form['entra'] = entra
    else if (key.text !== undefined) {
      if (isPlaceholder(key.text) && form['type'] === 'custom') {
        key.left('is a placeholder: a server that asks for none gets none')
      } else {
        form['keys'] = [secrets.secret(key.text, `${name}_key`)]
        key.carried('providers[].keys')
      }
    } else if (kind.key !== undefined) form['keys'] = [secrets.variable(kind.key)]
    if (kind.type !== 'azure') {
      for (const part of ['tenant_id', 'client_id', 'client_secret']) {
        this.value(part).left('only Azure has applications of Entra ID')
      }
    }
  }

  private entra(): Form | undefined {
    const { secrets } = this.draft
    const [tenant, client, secret] = ['tenant_id', 'client_id', 'client_secret'].map((part) =>
      this.value(part),
    )
    const isWhole = [tenant, client, secret].every((part) => part?.text !== undefined)
    if (!isWhole) return undefined
    for (const part of [tenant, client, secret]) part!.carried('providers[].entra')
    return {
      tenant: secrets.plain(tenant!.text!),
      client_id: secrets.plain(client!.text!),
      client_secret: secrets.secret(secret!.text!, 'azure_client_secret'),
    }
  }

  private bedrock(form: Form, inName: string | undefined): Refusal | undefined {
    const { secrets } = this.draft
    const region = this.value('aws_region_name', 'aws_region')
    const endpoint = this.value('aws_bedrock_runtime_endpoint', 'api_base')
    const named =
      region.text === undefined
        ? (inName ?? secrets.variable('AWS_REGION'))
        : secrets.plain(region.text)
    if (region.text !== undefined && variableOf(region.text) === undefined && !isAwsRegion(named)) {
      return {
        refused: 'has an aws_region_name that is none',
        way: 'Write one such as eu-central-1.',
      }
    }
    region.carried('providers[].region')
    const domain = named.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
    form['base_url'] = `https://bedrock-runtime.${named}.${domain}`
    if (endpoint.text !== undefined) {
      const written = secrets.plain(endpoint.text)
      const problem = this.draft.problem('providers.base_url', written)
      if (problem !== undefined) return { refused: `has an address that ${problem}` }
      form['base_url'] = written
      endpoint.carried('providers[].base_url')
    }
    form['region'] = named
    const key = this.value('api_key')
    if (key.text !== undefined) {
      form['keys'] = [secrets.secret(key.text, 'bedrock_key')]
      key.carried('providers[].keys')
      return undefined
    }
    const parts = [
      ['aws_access_key_id', 'AWS_ACCESS_KEY_ID'],
      ['aws_secret_access_key', 'AWS_SECRET_ACCESS_KEY'],
      ['aws_session_token', undefined],
    ] as const
    const written = parts.flatMap(([name, variable]) => {
      const at = this.value(name)
      if (at.text !== undefined) {
        at.carried('providers[].keys')
        return [secrets.secret(at.text, name)]
      }
      return variable === undefined ? [] : [secrets.variable(variable)]
    })
    form['keys'] = [written.join(':')]
    return undefined
  }

  private headers(form: Form): void {
    const headers: Form = {}
    const { secrets } = this.draft
    const organization = this.value('organization')
    if (organization.text !== undefined) {
      headers['openai-organization'] = secrets.plain(organization.text)
      organization.carried('providers[].headers')
    }
    const given = this.params.any('extra_headers', 'headers')
    for (const [name, at] of given.members()) {
      const value = typeof at.value === 'number' ? String(at.value) : at.text
      if (value === undefined || !isFreeHeader(name)) {
        at.left('is no header field that can be set')
        continue
      }
      headers[name] = PUBLIC_HEADERS.test(name)
        ? secrets.plain(value)
        : secrets.secret(value, `header_${name}`)
      at.carried('providers[].headers')
    }
    if (Object.keys(headers).length > 0) form['headers'] = headers
  }

  private times(form: Form): void {
    const times: Form = {}
    for (const [name, member] of [
      ['timeout', 'total'],
      ['stream_timeout', 'first_byte'],
    ] as const) {
      const at = this.params.get(name)
      if (!at.isThere) continue
      const written = duration(at, this.draft)
      const path = `providers.timeouts.${member}`
      const problem =
        written === undefined ? 'is no time in seconds' : this.draft.problem(path, written)
      if (written === undefined || problem !== undefined) {
        at.left(problem ?? 'is no time in seconds')
        continue
      }
      times[member] = written
      if (name === 'timeout') at.carried('providers[].timeouts.total')
      else
        at.changed(
          'providers[].timeouts.first_byte',
          'counts until the first byte, of streams and of others',
        )
    }
    if (Object.keys(times).length > 0) form['timeouts'] = times
    const retries = this.params.any('max_retries', 'num_retries')
    if (!retries.isThere) return
    const { number } = retries
    const problem =
      number === undefined ? 'is no number' : this.draft.problem('providers.retries.max', number)
    if (number === undefined || problem !== undefined) {
      retries.left(problem ?? 'is no number', 'Set providers[].retries.max.')
      return
    }
    form['retries'] = { max: number }
    retries.carried('providers[].retries.max')
  }

  private network(form: Form): void {
    const verify = this.params.get('ssl_verify')
    if (verify.flag === undefined) return
    if (!verify.flag) form['network'] = { verify: false }
    if (verify.flag) verify.carried('providers[].network.verify')
    else
      verify.changed(
        'providers[].network.verify',
        'any certificate is taken; the start warns of it',
      )
  }
}

/** Seconds, as LiteLLM counts them, with their unit; a variable is one of seconds too. */
export function duration(at: Cursor, draft: Draft): string | undefined {
  const { number, text } = at
  if (number !== undefined) {
    return number > 0 ? `${Math.round(number * 1_000)}ms`.replace(/000ms$/, 's') : undefined
  }
  const variable = text === undefined ? undefined : variableOf(text)
  return variable === undefined ? undefined : `${draft.secrets.variable(variable)}s`
}

/** Fields that hold no secret by what they are. */
const PUBLIC_HEADERS =
  /^(?:anthropic-(?:version|beta)|openai-(?:organization|project|beta)|user-agent|http-referer|x-title|accept)$/i

function isPlaceholder(text: string): boolean {
  return /^(?:none|null|empty|dummy|fake(?:-key)?|no-key|sk-no-key-required|not-needed|anything|x+)$/i.test(
    text,
  )
}

/** What the connection and the body set themselves cannot be set by hand. */
function isFreeHeader(name: string): boolean {
  return (
    /^[\w-]{1,100}$/.test(name) &&
    !/^(?:connection|content-length|content-encoding|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|__proto__)$/i.test(
      name,
    )
  )
}
