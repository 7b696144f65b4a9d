// What the codes mean that an error has in place of its kind's own, for `docs/errors.md`. They are literals all over the sources: the page's
// test finds them there, and fails where one has no words here or words have no code.

import type { ErrorText } from './error-texts.ts'

/** Where a code that is no kind of its own can be seen. */
export type ErrorPlace = 'models' | 'admin' | 'login'

export interface CodeText extends ErrorText {
  readonly at: ErrorPlace
}

/** Codes that an error of some kind has in place of its kind's own. */
export const CODE_TEXTS: Readonly<Record<string, CodeText>> = {
  ambiguous_credentials: {
    at: 'models',
    means: 'Two header fields carry different keys.',
    todo: 'Send one. Tools often add the key of their own environment.',
  },
  empty_array: { at: 'models', means: 'A list may not be empty.', todo: 'See `param`.' },
  invalid_multipart: {
    at: 'models',
    means: 'The form cannot be read.',
    todo: 'Send `multipart/form-data` as `curl -F` makes it.',
  },
  invalid_path: {
    at: 'models',
    means: 'A path behind `/proxy/{provider}` that could lead elsewhere.',
    todo: 'Send it without dots and encoded slashes.',
  },
  invalid_type: {
    at: 'models',
    means: 'A member has the wrong type.',
    todo: 'See `param` and the message.',
  },
  missing_required_parameter: {
    at: 'models',
    means: 'A member is missing.',
    todo: 'See `param`.',
  },
  not_cached: {
    at: 'models',
    means: '`cache-control: only-if-cached`, and no answer is kept.',
    todo: 'Ask without it.',
  },
  previous_response_not_found: {
    at: 'models',
    means:
      'The answer named by `previous_response_id` is not kept, is another tenant’s, or belongs to a provider that this model does not use.',
    todo: 'Send the conversation whole.',
  },
  price_unknown: {
    at: 'models',
    means: 'A budget counts this request, and the price of the model is not known.',
    todo: 'Give an alias of it a `price`, or let the budget say `unknown_price: allow`.',
  },
  provider_not_found: {
    at: 'models',
    means: 'No such provider, or none that the credential may use.',
    todo: 'See `weir providers list`.',
  },
  server_error: {
    at: 'models',
    means: 'A stream of Responses ended with an error that has no code of its own.',
    todo: 'Read the message.',
  },
  too_many_failures: {
    at: 'models',
    means: 'Too many credentials from this address were refused.',
    todo: 'Wait a minute, then use a valid one.',
  },
  unknown_parameter: {
    at: 'admin',
    means: 'A member or a parameter that the route does not know.',
    todo: 'See `param`.',
  },
  unsupported_operation: {
    at: 'models',
    means: 'No provider of the model offers this kind of request.',
    todo: '[Which provider has what](operations.md).',
  },
  upgrade_unsupported: {
    at: 'models',
    means: 'WebSockets are not relayed.',
    todo: 'Use HTTP streams.',
  },
  address_refused: {
    at: 'admin',
    means: 'The address is one that this server may not connect to.',
    todo: 'See [security](security-model.md#the-network); `network.allow_private` for private ones.',
  },
  already_exists: { at: 'admin', means: 'The name is taken.', todo: 'Take another, or change it.' },
  already_used: {
    at: 'admin',
    means: 'A deleted tenant had this id; its log is still kept under it.',
    todo: 'Take another id.',
  },
  built_in: { at: 'admin', means: 'It is a part of the program.', todo: 'Make one of your own.' },
  changed_meanwhile: {
    at: 'admin',
    means: 'Somebody changed it since it was read (412).',
    todo: 'Read it again and repeat.',
  },
  conflict: {
    at: 'admin',
    means: 'The change does not go with what else is in the store.',
    todo: 'Read again; what it refers to may be gone.',
  },
  content_damaged: { at: 'admin', means: 'A kept body cannot be read.', todo: 'It is lost.' },
  content_unavailable: {
    at: 'admin',
    means: 'Bodies lie in a bucket that does not answer.',
    todo: 'See `content_store.s3`.',
  },
  declared_in_file: {
    at: 'admin',
    means: '`weir.yaml` declares it.',
    todo: 'Change it there.',
  },
  exists: {
    at: 'admin',
    means: '`If-None-Match: *`, and it is there already (412).',
    todo: 'Change it instead.',
  },
  fixed_member: {
    at: 'admin',
    means: 'Whom a budget counts stays as it is.',
    todo: 'Delete it and make another.',
  },
  found_in_environment: {
    at: 'admin',
    means: 'The environment declares it, or it answers on this machine.',
    todo: 'Declare it in the file to change it.',
  },
  from_issuer: {
    at: 'admin',
    means: 'The identity provider says it.',
    todo: 'Change it there.',
  },
  held: {
    at: 'admin',
    means: 'A legal hold keeps these requests.',
    todo: 'Release the hold first.',
  },
  idempotency_key_in_use: {
    at: 'admin',
    means: 'A request with this `Idempotency-Key` runs, or its end is not known.',
    todo: 'Look whether it was made.',
  },
  idempotency_key_reused: {
    at: 'admin',
    means: 'The `Idempotency-Key` was used for another body.',
    todo: 'Use a new one.',
  },
  in_use: { at: 'admin', means: 'The role is assigned.', todo: 'Take it away first.' },
  invalid_cursor: {
    at: 'admin',
    means: 'The cursor is of another list, or of other parameters.',
    todo: 'Begin at the first page.',
  },
  key_exists: { at: 'admin', means: 'The provider has this key.', todo: 'Nothing.' },
  key_not_active: {
    at: 'admin',
    means: 'The key is revoked or replaced.',
    todo: 'Make a new one.',
  },
  last_administrator: {
    at: 'admin',
    means: 'Nobody would be left who can give rights.',
    todo: 'Give somebody the role first.',
  },
  last_key: {
    at: 'admin',
    means: 'It is the last key of the provider in use.',
    todo: 'Add another, or say `even_the_last=true`.',
  },
  local_users_off: {
    at: 'admin',
    means: '`auth.local` is off.',
    todo: 'Log in by the issuer.',
  },
  no_content_store: {
    at: 'admin',
    means: 'No bucket is configured.',
    todo: 'Set `content_store.s3`.',
  },
  no_role: {
    at: 'admin',
    means: 'You are known here, and have no role.',
    todo: 'An administrator assigns one: `weir assign`.',
  },
  not_all: {
    at: 'admin',
    means: 'An order must name every guardrail that can be changed, each once.',
    todo: 'Read the list again.',
  },
  not_empty: { at: 'admin', means: 'The tenant still has things.', todo: 'Delete them first.' },
  not_found: { at: 'admin', means: 'It is not there, or another’s.', todo: 'Look at the list.' },
  of_a_key: { at: 'admin', means: 'The budget belongs to a key.', todo: 'Change the key.' },
  of_every_tenant: {
    at: 'admin',
    means: 'The guardrail holds for every tenant.',
    todo: 'It takes rights over the whole installation.',
  },
  own_account: {
    at: 'admin',
    means: 'Nobody turns themselves off.',
    todo: 'Ask another administrator.',
  },
  own_tenant: {
    at: 'admin',
    means: 'It is your own tenant.',
    todo: 'Ask somebody of another.',
  },
  public_url_missing: {
    at: 'admin',
    means: 'A link needs the address that people use.',
    todo: 'Set `server.public_url`, or give a password.',
  },
  read_only: {
    at: 'admin',
    means: 'The setting is changed in the file alone.',
    todo: 'Change it there.',
  },
  rotation_under_way: {
    at: 'admin',
    means: 'Secrets are being rotated.',
    todo: 'Wait until it ends.',
  },
  secrets_needed: {
    at: 'admin',
    means: 'The change would send stored secrets elsewhere.',
    todo: 'Send the keys again with it.',
  },
  too_large_rules: {
    at: 'admin',
    means: 'All guardrails together are too long.',
    todo: 'Shorten one.',
  },
  too_many_erasures: {
    at: 'admin',
    means: 'Too many erasures are not done yet.',
    todo: 'Wait for them.',
  },
  too_many_holds: { at: 'admin', means: 'Too many holds.', todo: 'Release one.' },
  too_many_keys: {
    at: 'admin',
    means: 'The owner, or the provider, has as many keys as it may.',
    todo: 'Revoke one first.',
  },
  too_many_rules: { at: 'admin', means: 'Too many rules.', todo: 'Delete one first.' },
  would_lock_out: {
    at: 'admin',
    means: 'You are let in by `auth.anonymous` alone, and would turn it off.',
    todo: 'Log in, or make a key, and do it with that.',
  },
  csrf: {
    at: 'login',
    means: 'A change by a browser came without its proof.',
    todo: 'Send `x-weir-csrf` with the token of `/auth/session`. A reload renews it.',
  },
  invalid_logout: {
    at: 'login',
    means: 'A logout of the issuer that cannot be believed.',
    todo: 'Look at the issuer’s settings of back-channel logout.',
  },
  login_denied: {
    at: 'login',
    means: 'The identity provider did not let you in.',
    todo: 'Ask who runs it; its log says why.',
  },
  login_failed: {
    at: 'login',
    means: 'The login was not completed: too late, in another browser, or twice.',
    todo: 'Start it again.',
  },
  login_not_for_services: {
    at: 'login',
    means: 'A program does not log in.',
    todo: 'Send its token with the request.',
  },
  login_not_possible: {
    at: 'login',
    means: 'The address of the server is not known, or not `https://`.',
    todo: 'Set `server.public_url`.',
  },
  session_ended: { at: 'login', means: 'The session has ended.', todo: 'Log in again.' },
  setup_link_invalid: {
    at: 'login',
    means: 'The link was used, is too old or is not needed.',
    todo: 'Print another.',
  },
  tenant_disabled: {
    at: 'login',
    means: 'The tenant is turned off.',
    todo: 'Ask an administrator.',
  },
  too_many_logins: {
    at: 'login',
    means: 'Too many logins were tried.',
    todo: 'Wait a minute.',
  },
  user_disabled: {
    at: 'login',
    means: 'The account is turned off.',
    todo: 'Ask an administrator.',
  },
  user_unknown: {
    at: 'login',
    means: 'The issuer knows you and Weir does not.',
    todo: 'An administrator makes an account, or sets `auth.oidc[].create_users`.',
  },
  wrong_password: {
    at: 'login',
    means: 'Name or password is wrong; which is not told.',
    todo: '`weir users password` makes a new one.',
  },
}

/** Things of which the management API says `THING_not_found` (404): not there, or another tenant's, which is not told apart. */
export const NOT_FOUND: readonly string[] = [
  'account',
  'assignment',
  'budget',
  'content',
  'content_rule',
  'erasure',
  'flag',
  'flag_rule',
  'group',
  'guardrail',
  'hold',
  'key',
  'limit',
  'mapping',
  'model',
  'provider',
  'provider_key',
  'request',
  'role',
  'service',
  'team',
  'tenant',
  'user',
]
