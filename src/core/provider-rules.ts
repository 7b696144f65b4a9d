// What must hold between the settings of one provider, whoever declares it: the configuration file and the management API refuse the same.
// It looks at what was said, not at what follows from it, and at no value that could be a secret but for its form.

import { awsCredentials, isAccessKey, regionOfUrl } from './aws.ts'
import { mayCarrySecrets } from './azure-cloud.ts'
import type { ProviderType } from './catalog.ts'

/** Servers that hold a model in memory themselves, with a context of a set size. */
const RUNS_MODELS: ReadonlySet<ProviderType> = new Set(['ollama', 'lmstudio', 'custom'])

/** Header fields that belong to the connection or to the body; setting them by hand breaks or smuggles requests. */
const OWN_HEADERS = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What was said of a provider. What could not be read is undefined, yet counts as said where there is a truth beside it. */
export interface ProviderFacts {
  readonly id: string | undefined
  readonly type: ProviderType | undefined
  /** The type has no address of its own. */
  readonly needsBaseUrl: boolean
  readonly baseUrl: string | undefined
  readonly hasBaseUrl: boolean
  readonly hasCompatible: boolean
  readonly hasApiVersion: boolean
  readonly hasRegion: boolean
  readonly hasContext: boolean
  readonly hasConfigId: boolean
  readonly keys: readonly (string | undefined)[]
  readonly retries: { readonly baseMs: number | undefined; readonly capMs: number | undefined }
  readonly entra:
    | {
        readonly hasSecret: boolean
        readonly hasCertificate: boolean
        readonly hasKey: boolean
        readonly hasPassphrase: boolean
        readonly authority: string | undefined
        readonly management: string | undefined
      }
    | undefined
}

/** Told by the names of the configuration: `entra.client_secret`, `keys[1]`. */
export interface ProviderProblem {
  readonly path: string
  readonly message: string
}

/** Everything that is wrong between the settings. */
export function providerProblems(facts: ProviderFacts): ProviderProblem[] {
  const { entra, id, retries, type } = facts
  const problems: ProviderProblem[] = []
  const add = (path: string, message: string) => problems.push({ path, message })
  if (type !== undefined) {
    if (facts.needsBaseUrl && !facts.hasBaseUrl) {
      add('base_url', `missing; a provider of type ${type} has no address of its own`)
    }
    refuseOfOthers(facts, type, add)
  }
  if (type === 'bedrock') checkAccessKeys(facts, add)
  if (entra !== undefined) checkEntra(facts, entra, add)
  if (id === 'mock' && type !== undefined && type !== 'mock') {
    add('id', 'mock is kept for the provider of that type')
  }
  const { baseMs, capMs } = retries
  if (baseMs !== undefined && capMs !== undefined && baseMs > capMs) {
    add('retries.base', 'must not be longer than cap')
  }
  return problems
}

/** What is wrong with the name of a header field that is sent along; undefined where nothing is. */
export function headerNameProblem(name: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) return 'is no name of a header'
  return OWN_HEADERS.has(name.toLowerCase()) ? 'is set by Weir itself' : undefined
}

type Add = (path: string, message: string) => void

/** Settings that only some types have. */
function refuseOfOthers(facts: ProviderFacts, type: ProviderType, add: Add): void {
  const { hasApiVersion, hasCompatible, hasContext, hasRegion } = facts
  if (type === 'custom') {
    if (!hasCompatible) add('compatible', 'missing; say whether it speaks openai or anthropic')
  } else if (hasCompatible) add('compatible', 'is for providers of type custom only')
  if (type !== 'azure' && hasApiVersion) {
    add('api_version', 'is for providers of type azure only')
  }
  if (type !== 'bedrock' && hasRegion) add('region', 'is for providers of type bedrock only')
  if (type !== 'nemo' && facts.hasConfigId) {
    add('config_id', 'is for providers of type nemo only')
  }
  if (hasContext && !RUNS_MODELS.has(type)) {
    add('context', `is for providers of type ${[...RUNS_MODELS].join(', ')}`)
  }
}

/** An application proves itself in one way, and stands in for keys. */
function checkEntra(
  { keys, type }: ProviderFacts,
  entra: NonNullable<ProviderFacts['entra']>,
  add: Add,
): void {
  if (type !== undefined && type !== 'azure') {
    add('entra', 'is for providers of type azure only')
    return
  }
  const { hasCertificate, hasKey, hasPassphrase, hasSecret } = entra
  if (hasSecret && hasCertificate) {
    add('entra.cert_file', 'must not stand beside client_secret: choose one')
  } else if (!hasSecret && !hasCertificate) {
    add('entra.client_secret', 'missing; the application needs it, or cert_file')
  }
  for (const [key, isSaid] of [
    ['key_file', hasKey],
    ['key_passphrase', hasPassphrase],
  ] as const) {
    if (isSaid && !hasCertificate) {
      add(`entra.${key}`, 'belongs to cert_file, which is missing')
    }
  }
  for (const key of ['authority', 'management'] as const) {
    const address = entra[key]
    if (address !== undefined && !mayCarrySecrets(address)) {
      add(`entra.${key}`, 'must begin with https://: secrets and tokens go there')
    }
  }
  if (keys.length > 0) add('keys', 'must not stand beside entra: tokens take their place')
}

/** An access key signs for a region, which must be known, and has a form of its own. */
function checkAccessKeys({ baseUrl, hasRegion, keys }: ProviderFacts, add: Add): void {
  let signs = false
  for (const [index, key] of keys.entries()) {
    if (key === undefined || !isAccessKey(key)) continue
    signs = true
    if (awsCredentials(key) !== undefined) continue
    add(
      `keys[${index}]`,
      'must be an API key, or ACCESS_KEY_ID:SECRET_ACCESS_KEY with or without :SESSION_TOKEN',
    )
  }
  if (!signs || hasRegion || baseUrl === undefined) return
  if (regionOfUrl(baseUrl) === undefined) {
    add('region', 'missing; base_url does not say which it is')
  }
}
