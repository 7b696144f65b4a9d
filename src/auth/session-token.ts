// What a browser holds in its cookie: 256 random bits and a mark of the rights they were given for. The store has its hash alone, over
// both, so neither can be changed; when the rights are others than the mark says, the browser gets a new one.

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../core/principal.ts'

const TOKEN = /^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{11}$/

export interface SessionToken {
  /** Goes to the browser and nowhere else. */
  readonly value: string
  /** Hex SHA-256. */
  readonly idHash: string
}

/** A new one. @param mark of `rightsMark` */
export function newSessionToken(mark: string): SessionToken {
  const value = `${randomBytes(32).toString('base64url')}.${mark}`
  return { value, idHash: sessionHash(value) }
}

/** Whether a cookie could be one at all. */
export function isSessionToken(value: string): boolean {
  return TOKEN.test(value)
}

export function sessionHash(value: string): string {
  return createHash('sha256').update(value).digest('hex')
}

/** The mark in a token. */
export function markOf(value: string): string {
  return value.slice(value.indexOf('.') + 1)
}

/** The same for the same rights: any role, scope or action that is added or taken makes another. */
export function rightsMark(principal: Principal): string {
  const grants = principal.grants
    .map(({ effect, role, scope }) =>
      JSON.stringify([effect, scope, role.id, role.actions, role.notActions]),
    )
    .toSorted()
  const groups = [...(principal.groups ?? []), ...(principal.teamIds ?? [])].toSorted()
  const text = JSON.stringify([principal.tenantId, [...new Set(grants)], groups])
  return createHash('sha256').update(text).digest('base64url').slice(0, 11)
}

/** What a page must send with every change: only who holds the session's token can know it, and it tells nothing of it. */
export function csrfToken(sessionValue: string): string {
  return createHmac('sha256', sessionValue).update('weir-csrf').digest('base64url')
}

export function isCsrfToken(given: string | null, sessionValue: string): boolean {
  const wanted = Buffer.from(csrfToken(sessionValue))
  const found = Buffer.from(given ?? '')
  return found.length === wanted.length && timingSafeEqual(found, wanted)
}
