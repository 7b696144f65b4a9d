// What issuers of Entra ID are called: one for each directory, and a few that stand for all of them and sign for each under its own
// name. Pure text; nothing is asked.

/** Stands for a directory's id in what a shared issuer says of itself and its keys. */
export const ANY_DIRECTORY = '{tenantid}'

const SHARED = /\/(?:common|organizations)(?=\/|$)/

/** Whether an issuer is configured for more than one directory. */
export function isSharedEntraIssuer(issuer: string): boolean {
  return SHARED.test(issuer)
}

/** What the tokens of one directory name as their issuer. */
export function issuerOfDirectory(issuer: string, directoryId: string): string {
  return issuer.replace(SHARED, `/${directoryId}`).replaceAll(ANY_DIRECTORY, directoryId)
}
