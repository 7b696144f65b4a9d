// Variables of an environment or of a `.env` file as a configuration: what Weir would find by itself, and what LiteLLM, LangChain, Azure’s and
// AWS’s tools, curl, Python and Node read. The configuration refers to the variables; their values stay where they are.

import { ollamaBaseUrl } from '../../config/environment.ts'
import type { JsonValue } from '../../core/json.ts'
import { isAwsRegion } from '../../core/aws.ts'
import { Draft, type DraftOptions, type ProviderForm } from './draft.ts'
import { ENVIRONMENT_LEFT, KEYED, KNOWN_VARIABLES } from './environment-names.ts'
import { Ledger, SourceError, type Cursor } from './ledger.ts'
import { leave } from './litellm-models.ts'
import { literal } from './secrets.ts'

export interface EnvironmentSource {
  /** Of this process: what is not known of it is nobody’s concern. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Of a file: all of it is told of. */
  readonly file?: Readonly<Record<string, string>>
}

/** @throws SourceError for too many variables */
export function fromEnvironment(source: EnvironmentSource, options: DraftOptions): Draft {
  const known = Object.entries(source.environment).filter(
    ([name, value]) => KNOWN_VARIABLES.has(name) && (value ?? '').trim() !== '',
  )
  const document = Object.fromEntries([...known, ...Object.entries(source.file ?? {})])
  const ledger = new Ledger(document)
  const draft = new Draft(ledger, options)
  new Reader(ledger.root, draft).read()
  leave(ledger.root, ENVIRONMENT_LEFT)
  for (const { name } of draft.secrets.needs) {
    const value = source.file?.[name]
    if (value !== undefined && source.environment[name] === undefined)
      draft.secrets.give(name, value)
  }
  return draft
}

/**
 * The lines of a `.env` file: `NAME=value`, `export NAME='value'`, comments. References in values are not looked up.
 * @throws SourceError naming the line that is none
 */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const values: Record<string, string> = {}
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const match = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/.exec(line)
    if (match === null) throw new SourceError(`has no NAME=value in line ${index + 1}`)
    const [, name = '', rest = ''] = match
    if (Object.hasOwn(values, name)) {
      throw new SourceError(`has ${name} twice, again in line ${index + 1}`)
    }
    Object.defineProperty(values, name, {
      value: unquoted(rest),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return values
}

function unquoted(text: string): string {
  const quoted = /^(["'])(.*)\1\s*(?:#.*)?$/.exec(text)
  return quoted === null ? text.replace(/\s+#.*$/, '').trim() : (quoted[2] ?? '')
}

class Reader {
  private readonly root: Cursor
  private readonly draft: Draft

  constructor(root: Cursor, draft: Draft) {
    this.root = root
    this.draft = draft
  }

  read(): void {
    for (const { base, form, id, key } of KEYED) this.keyed(id, form, key, base)
    this.azure()
    this.bedrock()
    this.ollama()
    this.network()
    this.telemetry()
  }

  /** The reference to a variable, where what it holds can be used there. */
  private reference(at: Cursor, path: string): string | undefined {
    if (at.text === undefined) return undefined
    const value = path.endsWith('keys') ? [literal(at.text)] : literal(at.text)
    const problem = this.draft.problem(path, value)
    if (problem === undefined) return this.draft.secrets.variable(at.path)
    at.left(problem)
    return undefined
  }

  private keyed(
    id: string,
    form: ProviderForm,
    names: readonly string[],
    bases: readonly string[],
  ): void {
    const key = this.root.any(...names)
    const base = this.root.any(...bases)
    const written = this.reference(key, 'providers.keys')
    if (written === undefined) {
      base.left('there is no key for it')
      return
    }
    // A key must not go to the usual address when another one was asked for.
    const place = base.text === undefined ? undefined : this.reference(base, 'providers.base_url')
    if (base.text !== undefined && place === undefined) {
      key.left('its address cannot be used')
      return
    }
    const organization =
      id === 'openai' ? this.root.any('OPENAI_ORG_ID', 'OPENAI_ORGANIZATION') : undefined
    const header =
      organization?.text === undefined ? undefined : this.draft.secrets.variable(organization.path)
    this.draft.provider(id, {
      ...form,
      ...(place === undefined ? {} : { base_url: place }),
      keys: [written],
      ...(header === undefined ? {} : { headers: { 'openai-organization': header } }),
    })
    organization?.carried('providers[].headers')
    key.carried('providers[].keys')
    base.carried('providers[].base_url')
  }

  private azure(): void {
    const { draft, root } = this
    const endpoint = root.any('AZURE_OPENAI_ENDPOINT', 'AZURE_API_BASE')
    const key = root.any('AZURE_OPENAI_API_KEY', 'AZURE_API_KEY')
    const version = root.any('AZURE_OPENAI_API_VERSION', 'OPENAI_API_VERSION', 'AZURE_API_VERSION')
    const deployment = root.any(
      'AZURE_OPENAI_DEPLOYMENT',
      'AZURE_OPENAI_DEPLOYMENT_NAME',
      'AZURE_OPENAI_CHAT_DEPLOYMENT_NAME',
    )
    if (endpoint.text === undefined) {
      key.left('there is no AZURE_OPENAI_ENDPOINT')
      version.left('there is no AZURE_OPENAI_ENDPOINT')
      deployment.left('there is no AZURE_OPENAI_ENDPOINT')
      return
    }
    const parts = ['AZURE_TENANT_ID', 'AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET'].map((name) =>
      root.get(name),
    )
    const isWhole = parts.every(({ text }) => text !== undefined)
    const place = this.reference(endpoint, 'providers.base_url')
    const written = this.reference(key, 'providers.keys')
    if (place === undefined || (written === undefined && !isWhole)) {
      endpoint.left('there is no key and no application for it')
      return
    }
    const form: Record<string, JsonValue> = { type: 'azure', base_url: place }
    const api = this.reference(version, 'providers.api_version')
    if (api !== undefined) form['api_version'] = api
    if (written !== undefined) form['keys'] = [written]
    else {
      const [tenant, client, secret] = parts.map(({ path }) => draft.secrets.variable(path))
      form['entra'] = { tenant: tenant!, client_id: client!, client_secret: secret! }
      for (const part of parts) part.carried('providers[].entra')
    }
    const id = draft.provider('azure', form as ProviderForm)
    for (const at of [endpoint, key]) at.carried('providers[]')
    version.carried('providers[].api_version')
    const name = deployment.text
    if (name === undefined || draft.problem('models.id', name) !== undefined) return
    const model = name.replaceAll('${', () => '$${')
    draft.models.set(name, { id: model, targets: [{ provider: id, model }] })
    deployment.carried('models[]')
  }

  /** By its own API key alone, as Weir finds it: access keys lie in many an environment for other reasons. */
  private bedrock(): void {
    const { root } = this
    const key = root.get('AWS_BEARER_TOKEN_BEDROCK')
    const region = root.any('AWS_REGION', 'AWS_DEFAULT_REGION')
    const written = this.reference(key, 'providers.keys')
    if (written === undefined) return
    if (region.text === undefined || !isAwsRegion(region.text)) {
      key.left('there is no AWS_REGION', 'Set AWS_REGION, and import it again.')
      return
    }
    const reference = this.draft.secrets.variable(region.path)
    this.draft.provider('bedrock', {
      type: 'bedrock',
      base_url: `https://bedrock-runtime.${reference}.amazonaws.com`,
      keys: [written],
    })
    key.carried('providers[].keys')
    region.carried('providers[].base_url')
  }

  private ollama(): void {
    const at = this.root.any('OLLAMA_HOST', 'OLLAMA_API_BASE', 'OLLAMA_BASE_URL')
    if (at.text === undefined) return
    const place = ollamaBaseUrl(literal(at.text))
    if (place === undefined || this.draft.problem('providers.base_url', place) !== undefined) {
      at.left('is no address')
      return
    }
    this.draft.provider('ollama', { type: 'ollama', base_url: place })
    at.carried('providers[].base_url')
  }

  private network(): void {
    const { draft, root } = this
    const proxy = root.any(
      'HTTPS_PROXY',
      'https_proxy',
      'ALL_PROXY',
      'all_proxy',
      'HTTP_PROXY',
      'http_proxy',
    )
    const written = this.reference(proxy, 'network.proxy')
    if (written !== undefined) draft.carry(proxy, 'network.proxy', written)
    const hosts = root.any('NO_PROXY', 'no_proxy')
    const list = (hosts.text ?? '').split(',').map((host) => literal(host.trim()))
    const fit = list.filter(
      (host) => host !== '' && draft.problem('network.no_proxy', [host]) === undefined,
    )
    if (written === undefined) hosts.left('there is no proxy')
    else if (fit.length === 0) hosts.left('names no host')
    else draft.carry(hosts, 'network.no_proxy', fit)
    const trust = root.any(
      'SSL_CERT_FILE',
      'REQUESTS_CA_BUNDLE',
      'CURL_CA_BUNDLE',
      'NODE_EXTRA_CA_CERTS',
    )
    if (trust.text !== undefined) {
      draft.carry(
        trust,
        'network.ca_file',
        draft.file(trust.text),
        'trusted beside the usual authorities, not in their place',
      )
    }
  }

  private telemetry(): void {
    const { draft, root } = this
    const endpoint = root.get('OTEL_EXPORTER_OTLP_ENDPOINT')
    const isGrpc =
      root.get('OTEL_EXPORTER_OTLP_PROTOCOL').text === 'grpc' ||
      /:4317\/?$/.test(endpoint.text ?? '')
    if (isGrpc) endpoint.left('is for gRPC', 'Set tracing.endpoint to its HTTP port, mostly 4318.')
    else {
      const written = this.reference(endpoint, 'tracing.endpoint')
      if (written !== undefined) draft.carry(endpoint, 'tracing.endpoint', written)
    }
  }
}
