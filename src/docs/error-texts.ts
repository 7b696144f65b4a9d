// What each error means and what to do about it, for `docs/errors.md`. The statuses, types and codes themselves come from the code
// (`core/error.ts`); here are only the words. A kind without words does not compile; other codes are in `error-code-texts.ts`.

import type { ErrorKind } from '../core/error.ts'

export interface ErrorText {
  readonly means: string
  readonly todo: string
}

/** One text for each kind of `ERROR_KINDS`, in the order of the page. */
export const KIND_TEXTS: Readonly<Record<ErrorKind, ErrorText>> = {
  authentication: {
    means:
      'No credential came, or one that opens nothing: unknown, revoked, expired, or held to other addresses. All are told in the same words.',
    todo: 'Look at the key with `weir keys list`. A tool may send a key of its own from its settings or its environment. On loopback leave the key out or send the word `anonymous`, unless `auth.anonymous` is `never`.',
  },
  permission: {
    means: 'The credential is good and lacks a right for this.',
    todo: 'Ask `weir can WHO ACTION SCOPE` which assignment decides; the message names the action where one is missing.',
  },
  invalid_host: {
    means: 'The `Host` header is no host, or is not the one in the request line.',
    todo: 'Use the usual address. A `Host` of fewer than four characters is refused too.',
  },
  host_not_allowed: {
    means:
      'The server answers to loopback alone, or to the names of `server.allowed_hosts`, and the request names another.',
    todo: 'Ask by `127.0.0.1` or `localhost`, or add the name to `server.allowed_hosts`. From a container of the same machine the name is often `host.docker.internal`.',
  },
  origin_not_allowed: {
    means: 'A web page of another origin asked.',
    todo: 'Add the origin of the page to `server.allowed_origins`. Pages of this machine (`http://localhost:…`) are let in as they are.',
  },
  model_not_found: {
    means: 'There is no such model, or the credential may not use it; which of both is not told.',
    todo: '`weir route MODEL` and `weir models list` show what there is, `weir can WHO model.invoke model:NAME` who may use it. A key with `models` sees those alone.',
  },
  unknown_url: {
    means: 'No route has this path.',
    todo: 'Most often `/v1` is missing from a base URL, or stands there twice. The paths of each protocol are in [the API](api.md).',
  },
  method_not_allowed: {
    means: 'The path is there and takes other methods, which the header `allow` names.',
    todo: 'Use one of those.',
  },
  invalid_request: {
    means:
      'A member of the body or of the address is wrong; `param` says which. The value is never repeated.',
    todo: 'Correct that member. `/docs` has the schema of every route.',
  },
  invalid_json: {
    means: 'The body is not JSON, or is nested too deep.',
    todo: 'Send JSON in UTF-8. In a shell, look at the quotes.',
  },
  unsupported: {
    means:
      'The model cannot take something of the request. Leaving it out would make the answer wrong, or the model is set to `losses: reject`.',
    todo: 'Leave out what `param` names, ask another model, or set `losses: report`. [Losses](losses.md) has every pair of protocols.',
  },
  context_length: {
    means:
      'The prompt, or the conversation kept for `previous_response_id`, does not fit the model. For local models the message has the numbers, and nothing was cut.',
    todo: 'Shorten the prompt, ask a model with a larger context, or raise `context.max_tokens` of the provider.',
  },
  unsupported_media_type: {
    means: 'The body has a content type, or an encoding, that this path does not take.',
    todo: 'Send `content-type: application/json` (uploads: `multipart/form-data`), uncompressed.',
  },
  request_too_large: {
    means: 'The body is larger than the server takes. The connection is closed.',
    todo: 'Send less. Large files belong to `/v1/files`.',
  },
  headers_too_large: {
    means: 'The header fields are too many or too large.',
    todo: 'Look for cookies or a proxy that adds fields.',
  },
  request_timeout: {
    means: 'The body came too slowly. The connection is closed.',
    todo: 'Look at the network between client and server; a proxy in between may hold bodies back.',
  },
  rate_limit: {
    means: 'A limit of requests or tokens is reached; `type` says which of the two.',
    todo: 'Wait as long as `retry-after` says; SDKs do. `weir limits list` shows the rules, `x-ratelimit-remaining-*` what is left.',
  },
  concurrency_limit: {
    means: 'As many requests run at once as a limit allows.',
    todo: 'Let others end first, or raise `concurrent` of the limit.',
  },
  insufficient_quota: {
    means: 'A budget is spent. Waiting does not help before its window ends.',
    todo: '`weir budgets list` shows what is left and when it begins anew. Raise it, or `weir budgets reset` it.',
  },
  content_filter: {
    means: 'A guardrail refused the question. What it found is not repeated.',
    todo: 'The message and the log row name the rule; `weir guard test` tries a text. See [guardrails](guardrails.md).',
  },
  guardrail_unavailable: {
    means: 'A guardrail could not be asked, and its rule says that nothing passes then.',
    todo: 'Look at the service behind the rule (`weir doctor`); `on_failure` of the rule decides what happens.',
  },
  upstream_invalid_request: {
    means:
      'The provider refused the request itself. Its message, code and parameter are handed on, without keys, hosts and account ids.',
    todo: 'Correct what it names. Behind an alias another model may answer than the tool was made for.',
  },
  upstream_auth: {
    means: "The provider refused this gateway's credential, not the client's.",
    todo: '`weir providers test ID` says which key and why. Give it another with `weir providers keys add ID`.',
  },
  upstream_rate_limited: {
    means: 'Every target said that it is asked too often.',
    todo: 'Wait as long as `retry-after` says. More keys or another target help: [routing](routing.md).',
  },
  upstream_error: {
    means:
      'The provider could not be reached, failed, or broke off its answer, and no other target was left.',
    todo: '`weir doctor ID` names the first layer that fails: DNS, proxy, TLS, key, model. The log row has every attempt.',
  },
  upstream_bad_response: {
    means: 'The provider answered with something that is no answer of its protocol.',
    todo: 'Look at `base_url`: a wrong path is often answered by a web page. A proxy that asks for a login does it too.',
  },
  upstream_redirect: {
    means: 'The provider answered with a redirect. None is followed, as a key would go with it.',
    todo: 'Put the address it leads to into `base_url`.',
  },
  upstream_timeout: {
    means: 'The provider did not answer in time. It may have been billed.',
    todo: 'Raise `timeouts.first_byte` for models that think long, `timeouts.idle` for silence inside an answer, `timeouts.total` for long answers.',
  },
  upstream_unavailable: {
    means: 'No target can be asked now: all are left alone after failures, or have no usable key.',
    todo: '`weir route MODEL` tells why each is passed over. `retry-after` says when one is tried again; `POST /admin/providers/{id}/reset` tries at once.',
  },
  overloaded: {
    means: 'This server has as many requests at once as it takes.',
    todo: 'Ask again after `retry-after`. `server.max_concurrent` is the bound.',
  },
  shutting_down: {
    means: 'This server ends, and lets running answers finish.',
    todo: 'Ask again; the next one, or another replica, answers.',
  },
  storage_unavailable: {
    means:
      'The store cannot be reached or written. Model requests go on without it; changes do not.',
    todo: '`weir doctor` says what the store lacks: disk, rights, connection.',
  },
  identity_unavailable: {
    means: 'A token or a login needs the identity provider, which does not answer.',
    todo: 'Look at the issuer and the way to it. API keys work meanwhile.',
  },
  internal: {
    means: 'A fault of this program. The cause is in its log under the request id.',
    todo: 'Search the log for the `x-request-id` and report what stands there.',
  },
  client_closed: {
    means: 'The client left before the end. Nobody reads this status; it stands in the log.',
    todo: 'Where it comes often, look at the time limits of clients and of proxies in front.',
  },
}
