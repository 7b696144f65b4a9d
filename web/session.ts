// Who looks at the UI and what they may do, as `/auth/session` says. Pages ask `can` to show or leave out; what is allowed is decided by the
// server at each request, never here.

import { computed, signal } from '@preact/signals'
import { keep, kept } from './kept.ts'
import type { RouteRule } from '../src/server/route-actions.ts'

export type Action = RouteRule['action']

/** The answer of `/auth/session`. */
export interface SessionState {
  readonly authenticated: boolean
  /** Ways to log in, where nobody is. */
  readonly issuers?: readonly { readonly id: string; readonly label: string }[]
  readonly local?: boolean
  /** Whoever is let in without a session: the local user of a laptop. */
  readonly caller?: { readonly kind: string; readonly name: string | null }
  readonly user?: {
    readonly id: string
    readonly tenant: string
    readonly issuer: string
    readonly name: string | null
    readonly email: string | null
  }
  readonly roles?: readonly {
    readonly role: string
    readonly scope: string
    readonly effect: string
  }[]
  readonly access?: boolean
  /** Why there is no access. */
  readonly message?: string
  readonly csrf?: string
  readonly tenant?: string
  readonly tenant_name?: string | null
  readonly many_tenants?: boolean
  readonly actions?: readonly Action[]
  readonly platform_actions?: readonly Action[]
}

/** Undefined until it is known. */
export const session = signal<SessionState | undefined>(undefined)

/** Another tenant than one's own that is looked at; undefined for one's own. Kept for this tab alone. */
export const otherTenant = signal(kept('sessionStorage', 'weir-tenant'))

/** The tenant that is looked at. */
export const tenant = computed(() => otherTenant.value ?? session.value?.tenant)

/** Proves a change; a new one comes with an answer after a change of rights. */
export const csrf = signal('')

const own = computed(() => new Set(session.value?.actions))
const everywhere = computed(() => new Set(session.value?.platform_actions))

/** Whether it is worth showing: whoever asks may do this to something of the tenant that is looked at. */
export function can(action: Action): boolean {
  return (otherTenant.value === undefined ? own : everywhere).value.has(action)
}

/** The same, for what all tenants share. */
export function canEverywhere(action: Action): boolean {
  return session.value?.many_tenants === true ? everywhere.value.has(action) : own.value.has(action)
}

/** Whether there are other tenants that one may look into. */
export const maySwitchTenant = computed(
  () => session.value?.many_tenants === true && everywhere.value.has('tenant.read'),
)

/** Looks at another tenant from now on. @param id undefined for one's own */
export function switchTenant(id: string | undefined): void {
  const next = id === session.value?.tenant ? undefined : id
  otherTenant.value = next
  keep('sessionStorage', 'weir-tenant', next)
}

/**
 * Asks who one is.
 * @param isQuiet nobody waits for it: where nobody is let in any more all stays, until something is asked that needs them
 * @throws TypeError where the server does not answer
 */
export async function loadSession(isQuiet = false): Promise<SessionState> {
  const answer = await fetch('/auth/session')
  const renewed = answer.headers.get('x-weir-csrf')
  const state = (await answer.json()) as SessionState
  if (isQuiet && !isLetIn(state)) return state
  csrf.value = renewed ?? state.csrf ?? ''
  session.value = state
  return state
}

let isLearning = false
let isOld = false

/** Rights may have changed since the page was drawn: what it offers follows. One question at a time, and one more after the last word. */
export async function learnRights(): Promise<void> {
  isOld = true
  if (isLearning) return
  isLearning = true
  while (isOld) {
    isOld = false
    await loadSession(true).catch(() => undefined)
  }
  isLearning = false
}

/** Whether the UI is of use: somebody is logged in, or let in without it. */
export function isLetIn(state: SessionState): boolean {
  return state.authenticated || state.actions !== undefined
}

/** Somebody logs out: where that leads to, whatever the page still asks for must not lead elsewhere. */
let isLeaving = false

/** To the login, and back to this page after it. */
export function toLogin(): void {
  if (isLeaving) return
  const back = encodeURIComponent(`${location.pathname}${location.search}`)
  location.assign(`/auth/login?return=${back}`)
}

/** Ends the session here and wherever the identity provider wants to end its own. */
export async function logOut(): Promise<void> {
  isLeaving = true
  try {
    location.assign(await endSession())
  } catch (thrown) {
    isLeaving = false
    throw thrown
  }
}

/** @returns where that leads to */
async function endSession(): Promise<string> {
  let answer = await askToLogOut()
  if (answer.status === 403) {
    // Another tab has renewed the session, and with it the proof: nobody must believe they are out who are not.
    await loadSession()
    answer = await askToLogOut()
  }
  if (!answer.ok && answer.status !== 401) {
    throw new Error(`The session goes on: the server answered with ${answer.status}.`)
  }
  // Whoever logs in here next looks at their own.
  switchTenant(undefined)
  const { redirect } = answer.ok
    ? ((await answer.json()) as { redirect: string })
    : { redirect: '/auth/login' }
  return redirect
}

function askToLogOut(): Promise<Response> {
  return fetch('/auth/logout', { method: 'POST', headers: { 'x-weir-csrf': csrf.value } })
}

/** The name to show for whoever looks. */
export function shownName(state: SessionState): string {
  const { caller, user } = state
  if (user !== undefined) return user.name ?? user.email ?? user.id
  return caller?.kind === 'anonymous' ? 'Local user' : (caller?.name ?? 'Key')
}
