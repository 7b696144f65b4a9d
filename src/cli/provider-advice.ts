// Why a provider did not do what it was asked, in words for the person who configured it, and what that person can do. It
// reads failures only; everything a provider wrote is scrubbed of secrets before it gets here.

import { tokenEndpoint } from '../core/azure-cloud.ts'
import type { Provider } from '../core/catalog.ts'
import type { ErrorKind, GatewayError } from '../core/error.ts'
import { classify, connectionFault, type ConnectionFault } from '../core/policy/classify.ts'
import { EntraRefusal } from '../auth/entra-refusal.ts'

export interface Advice {
  readonly reason: string
  readonly todo: string
  /** What the provider meant by its refusal, where it answered with one. */
  readonly error?: ErrorKind
}

/** A refused request: status and what the body said, scrubbed. */
export interface Refusal {
  readonly status: number
  readonly headers: Headers
  readonly message: string
  /** `model list`, `completion`. */
  readonly step: string
}

/** What to say when there is no token to ask it with. */
export function tokenAdvice(error: GatewayError, provider: Provider): Advice {
  const { cause } = error
  if (cause instanceof EntraRefusal) {
    const { code, reason, todo } = cause.advice
    return { reason: `no token of Entra ID: ${reason} (${code})`, todo, error: 'upstream_auth' }
  }
  const { entra } = provider
  const place = entra === undefined ? 'the token service' : new URL(tokenEndpoint(entra)).host
  const fault = connectionFault(error)
  const code = causeCode(error)
  const failed = fault === 'connection' ? 'could not be reached' : `failed (${fault})`
  return {
    reason: `no token of Entra ID: ${place} ${failed}${code === '' ? '' : ` (${code})`}`,
    todo: 'The token service is reached through the same network settings as the provider: check that they let it through.',
    error: 'upstream_auth',
  }
}

/** The system's code behind an error (`ECONNREFUSED`), or ''. */
function causeCode(error: GatewayError): string {
  const code = (error.cause as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}

/** What to say when no answer came. */
export function connectionAdvice(error: GatewayError, provider: Provider): Advice {
  const fault = connectionFault(error)
  const code = causeCode(error)
  if (fault === 'connection') return connectAdvice(error, code, provider)
  const told = FAULTS[fault]
  // Our own words for what a proxy answered are better than their code.
  if (fault === 'proxy' && error.cause instanceof Error) {
    return { ...told, reason: `${told.reason}: ${error.cause.message}` }
  }
  return { ...told, reason: code === '' ? told.reason : `${told.reason} (${code})` }
}

const FAULTS: Readonly<Record<Exclude<ConnectionFault, 'connection'>, Advice>> = {
  'connect-timeout': {
    reason: 'no connection could be made in time',
    todo: 'Check base_url, the firewall, and whether this network needs network.proxy.',
  },
  'answer-timeout': {
    reason: 'it was reached but did not answer in time',
    todo: 'Try again later, or raise timeouts.first_byte of this provider.',
  },
  'client-closed': {
    reason: 'its answer did not end in time',
    todo: 'Try again later, or raise timeouts.total of this provider.',
  },
  tls: {
    reason: 'its TLS certificate could not be verified',
    todo: 'Where the network has a certificate authority of its own, name its file in network.ca_file.',
  },
  proxy: {
    reason: 'the forward proxy refused the connection',
    todo: 'Check user and password in network.proxy, and whether the proxy allows this host and port.',
  },
  redirect: {
    reason: 'it answered with a redirect, which is not followed',
    todo: 'Set base_url to the address it redirects to.',
  },
  credential: {
    reason: 'no token could be had for it',
    todo: 'Check every setting of entra.',
  },
  'bad-response': {
    reason: 'its answer is not one of its protocol',
    todo: 'Check base_url: most end in /v1, and a web page is no API.',
  },
}

function connectAdvice(error: GatewayError, code: string, provider: Provider): Advice {
  const { host, hostname } = new URL(provider.baseUrl)
  switch (code) {
    case 'ECONNREFUSED':
    case 'ConnectionRefused':
      return {
        reason: `nothing listens at ${host} (connection refused)`,
        todo: 'Start that server, or correct base_url.',
      }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'DNS_ENOTFOUND':
      return {
        reason: `the name ${hostname} could not be resolved (${code})`,
        todo: 'Check base_url and this machine’s DNS; behind a proxy set network.proxy.',
      }
    default:
      return {
        reason: `${error.message.replace(/\.$/, '')}${code === '' ? '' : ` (${code})`}`,
        todo: 'Check base_url, the firewall, and whether this network needs network.proxy.',
      }
  }
}

/** What to say when it answered and refused. */
export function refusalAdvice(refusal: Refusal, provider: Provider, nowMs: number): Advice {
  const { headers, message, status, step } = refusal
  const said = message === '' ? '' : `: ${message}`
  const isList = step === 'model list'
  if (isList && (status === 404 || status === 405)) {
    return {
      reason: `it has no model list at that address (${status})${said}`,
      todo: 'Check base_url: most end in /v1. Where there is no list, test with --model.',
      error: 'upstream_error',
    }
  }
  const body = message === '' ? undefined : { message }
  const { error } = classify({ status, headers, ...(body === undefined ? {} : { body }) }, nowMs)
  const told = REFUSALS[error] ?? OTHER
  return { reason: `${told.reason} (${status})${said}`, todo: told.todo(provider), error }
}

interface RefusalWords {
  readonly reason: string
  todo(provider: Provider): string
}

const OTHER: RefusalWords = {
  reason: 'it failed',
  todo: () => 'Try again later; see the provider’s status page.',
}

const REFUSALS: Readonly<Partial<Record<ErrorKind, RefusalWords>>> = {
  upstream_auth: { reason: 'it refuses the key', todo: keyTodo },
  upstream_rate_limited: {
    reason: 'it limits requests now',
    todo: () => 'The key works. Wait, or look at the limits of its account.',
  },
  model_not_found: {
    reason: 'it does not know the model',
    todo: ({ id }) => `See what it has: weir models list --all --provider ${id}`,
  },
  upstream_invalid_request: {
    reason: 'it refuses the request',
    todo: () => 'Check base_url, the type of the provider and the name of the model.',
  },
  upstream_timeout: { reason: 'it did not answer in time', todo: OTHER.todo },
  upstream_unavailable: { reason: 'it is overloaded', todo: OTHER.todo },
}

function keyTodo({ entra, keys, origin, type }: Provider): string {
  if (entra !== undefined) {
    return 'Give the application the role Cognitive Services OpenAI User on this resource; a new role takes minutes to hold.'
  }
  if (keys.length === 0) return 'Give it a key.'
  const place =
    origin === 'environment'
      ? 'the environment variable it comes from'
      : origin === 'file'
        ? 'its keys in the configuration file'
        : 'its settings'
  return `Check ${place}: is the key whole, not revoked, paid for, and one of ${type}?`
}
