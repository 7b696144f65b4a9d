// What Entra ID means by its error codes (AADSTS…), in words for the person who set up the application, and what that person can do.
// It reads codes alone: what the service wrote around them names tenants and addresses and stays in the log.

export interface EntraAdvice {
  /** `AADSTS7000215`, or OAuth's own word where the service gave no code. */
  readonly code: string
  readonly reason: string
  readonly todo: string
}

const SECRET = 'Make a new secret of the application in the Entra admin center and set it.'
const CERTIFICATE = 'Upload this certificate to the application, or set the one it has.'

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const KNOWN: ReadonlyMap<string, readonly [reason: string, todo: string]> = new Map([
  ['AADSTS7000215', ['the client secret is wrong', `Set its value, not its id. ${SECRET}`]],
  ['AADSTS7000222', ['the client secret has expired', SECRET]],
  ['AADSTS7000216', ['neither a secret nor an assertion arrived', SECRET]],
  ['AADSTS700016', ['the tenant has no such application', 'Check client_id and tenant.']],
  ['AADSTS7000112', ['the application is disabled', 'Enable it in the Entra admin center.']],
  ['AADSTS7000229', ['the application has no service principal in the tenant', 'Add it there.']],
  [
    'AADSTS90002',
    ['there is no such tenant', 'Check tenant, and cloud: each has its own tenants.'],
  ],
  ['AADSTS900023', ['the tenant is neither an id nor a domain', 'Check tenant.']],
  ['AADSTS900382', ['the tenant belongs to another cloud', 'Check cloud.']],
  ['AADSTS700027', ['the certificate is not one of the application', CERTIFICATE]],
  ['AADSTS7000214', ['the application has no certificate', CERTIFICATE]],
  ['AADSTS700021', ['the certificate belongs to another application', 'Check client_id.']],
  [
    'AADSTS700024',
    ['this machine’s clock is wrong', 'Set the clock: assertions hold for minutes.'],
  ],
  [
    'AADSTS500011',
    ['the tenant does not know the resource of the scope', 'Check scope and cloud.'],
  ],
  ['AADSTS70011', ['the scope is not valid', 'Check scope: it ends in /.default.']],
  ['AADSTS1002012', ['the scope is not valid', 'Check scope: it ends in /.default.']],
  ['AADSTS53003', ['a conditional access policy forbids it', 'Ask who administers the tenant.']],
  ['AADSTS50034', ['the account does not exist', 'Check tenant and client_id.']],
])

const BY_WORD: ReadonlyMap<string, readonly [reason: string, todo: string]> = new Map([
  ['invalid_client', ['the application or its credential is wrong', 'Check client_id and secret.']],
  ['unauthorized_client', ['the application may not do this', 'Check client_id and tenant.']],
  ['invalid_scope', ['the scope is not valid', 'Check scope: it ends in /.default.']],
])

/**
 * What a refusal means.
 * @param word OAuth's `error`
 * @param description the service's `error_description`, which begins with its code
 */
export function entraAdvice(word: string, description: string): EntraAdvice {
  const code = /\bAADSTS\d{1,10}\b/.exec(description)?.[0]
  const [reason, todo] = (code === undefined ? undefined : KNOWN.get(code)) ??
    BY_WORD.get(word) ?? ['it does not accept the application', 'Check every setting of entra.']
  return { code: code ?? (word === '' ? 'no code' : word), reason, todo }
}
