// AWS Bedrock: the Converse API of one region, which speaks for all its models. A Bedrock API key goes as a bearer; with an access
// key and its secret the request is signed, whatever it asks of the region.

import { awsCredentials, isAccessKey, regionOfUrl } from '../core/aws.ts'
import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { asObject } from '../core/json.ts'
import { claudeGoesOn } from './going-on.ts'
import { signatureHeaders } from './bedrock-signature.ts'
import type { ProviderKind, SigningRequest } from './provider.ts'
import {
  bearer,
  capabilities,
  listedModel,
  lists,
  pageAfter,
  readModels,
  trimBase,
} from './shared.ts'

/** `https://bedrock-runtime.eu-central-1.amazonaws.com`, whatever path was copied along. */
function root(provider: Provider): string {
  return trimBase(provider.baseUrl).replace(/\/(?:model|openai)(?:\/.*)?$/, '')
}

/** The model as one part of a path. ARNs have colons and slashes; one that was encoded already, as a whole, stays as it is. */
function pathPart(model: string): string {
  return /^(?=.*%[0-9a-f]{2})[^/?#\\]+$/i.test(model) ? model : encodeURIComponent(model)
}

/** AWS demands these in the signature; proxies on the way may change others. */
function isSigned(name: string): boolean {
  return name === 'content-type' || name.startsWith('x-amz-')
}

function signed(request: SigningRequest): Record<string, string> {
  const { provider, secret, method, url, headers, body = '', nowMs } = request
  const credentials = awsCredentials(secret)
  const region = provider.region ?? regionOfUrl(provider.baseUrl)
  if (credentials === undefined) throw cannotSign('its access key is not in the form id:secret')
  if (region === undefined) throw cannotSign('its region is not known')
  // A signature covers the whole body before it is sent.
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw cannotSign('the body is too large to be held')
  }
  const { host, pathname, search } = new URL(url)
  const fields = Object.entries(headers).filter(([name]) => isSigned(name))
  return signatureHeaders(
    {
      method,
      host,
      path: pathname,
      query: search.slice(1),
      headers: Object.fromEntries(fields),
      body,
    },
    { credentials, region, service: 'bedrock', nowMs },
  )
}

function cannotSign(reason: string): GatewayError {
  return new GatewayError('unsupported', {
    code: 'unsupported_operation',
    message: `The request cannot be signed for this provider: ${reason}.`,
  })
}

export const bedrock: ProviderKind = {
  type: 'bedrock',
  needsKey: true,
  dialects: (_provider, operation) =>
    operation === 'chat' || operation === 'completion' ? ['bedrock'] : [],
  endpoint: ({ provider, model, stream }) =>
    `${root(provider)}/model/${pathPart(model)}/${stream ? 'converse-stream' : 'converse'}`,
  // What cannot be signed with must not go out as it is either.
  authorize: (_provider, secret) =>
    secret !== undefined && isAccessKey(secret) ? {} : bearer(secret),
  sign: (request) => (isAccessKey(request.secret) ? signed(request) : {}),
  goingOn: claudeGoesOn,
  quirks: () => ({ modelInPath: true }),
  models: {
    // The list is kept by the service that manages models, under a name of its own.
    url: (provider) =>
      `${root(provider).replace('://bedrock-runtime', '://bedrock')}/foundation-models`,
    read: (body) =>
      readModels(body, 'modelSummaries', (entry) => {
        // Others can only be asked through an inference profile, which this list does not have.
        if (!lists(entry.inferenceTypesSupported, 'ON_DEMAND')) return undefined
        return listedModel({
          id: entry.modelId,
          status: asObject(entry.modelLifecycle)?.status,
          retires: asObject(entry.modelLifecycle)?.endOfLifeTime,
          capabilities: capabilities({
            completion: lists(entry.outputModalities, 'TEXT'),
            vision: lists(entry.inputModalities, 'IMAGE') && lists(entry.outputModalities, 'TEXT'),
            embedding: lists(entry.outputModalities, 'EMBEDDING'),
          }),
        })
      }),
    next: (body, url) => pageAfter(body, url, { member: 'nextToken', parameter: 'nextToken' }),
  },
}
