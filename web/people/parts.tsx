// Small parts that the pages of people share: who somebody is, what they may, a list with its search, and the choice of a scope.

import type { ComponentChildren } from 'preact'
import { Badge } from '../components/badge.tsx'
import { Field, Input, Select } from '../components/field.tsx'
import { Combobox } from '../components/inputs.tsx'
import { SearchInput, Toolbar } from '../components/page.tsx'
import { Icon } from '../icons.tsx'
import { param, setParams } from '../router.tsx'
import { tenant } from '../session.ts'
import { scopeWords, useAssignees, type AssigneeKind, type Grant } from './calls.ts'

/** The search of a list, in the address. */
export function useSearch(): string {
  return param('q') ?? ''
}

export function ListTools({
  children,
  shown,
  total,
  what,
}: {
  /** "users" */
  what: string
  shown: number | undefined
  total: number | undefined
  children?: ComponentChildren
}) {
  const q = useSearch()
  const isCut = shown !== undefined && total !== undefined && shown < total
  return (
    <Toolbar label={`Find ${what}`}>
      <SearchInput label={`Find ${what}`} value={q} onValue={(text) => setParams({ q: text })} />
      {children}
      {isCut && (
        <span class="soft" role="status">
          The first {shown} of {total}. Search to find others.
        </span>
      )}
    </Toolbar>
  )
}

/** Turned off or not, where off is worth a look. */
export function OffBadge({ status }: { status: 'active' | 'disabled' }) {
  return status === 'disabled' ? (
    <Badge icon="off" tone="neutral">
      turned off
    </Badge>
  ) : null
}

/** Where somebody comes from, if not from here. */
export function IssuerBadge({ issuer }: { issuer: string }) {
  return issuer === 'local' ? null : (
    <Badge icon="plug" tone="info" title="Name and mail come from the identity provider">
      {issuer}
    </Badge>
  )
}

export function EffectBadge({ effect }: { effect: 'allow' | 'deny' }) {
  return effect === 'deny' ? (
    <Badge icon="lock" tone="bad">
      denied
    </Badge>
  ) : (
    <Badge icon="check" tone="good">
      allowed
    </Badge>
  )
}

type Shown = Omit<Grant, 'because'> & { readonly because?: string }

/** What somebody may, and why. */
export function Grants({ grants, none }: { grants: readonly Shown[]; none: string }) {
  if (grants.length === 0) return <p class="soft">{none}</p>
  return (
    <ul class="people-grants">
      {grants.map((grant, index) => (
        <li key={`${grant.role} ${grant.scope} ${grant.because} ${index}`}>
          <EffectBadge effect={grant.effect} /> <strong>{grant.role}</strong> at{' '}
          {scopeWords(grant.scope, tenant.value)}{' '}
          {grant.because !== undefined && <span class="soft">{becauseWords(grant.because)}</span>}
        </li>
      ))}
    </ul>
  )
}

/** Why a grant concerns somebody. */
export function becauseWords(because: string): string {
  return /^(?:user|service) /.test(because) ? 'given to them' : `because of ${because}`
}

const KINDS: readonly { readonly value: AssigneeKind; readonly label: string }[] = [
  { value: 'user', label: 'User' },
  { value: 'group', label: 'Group' },
  { value: 'team', label: 'Team' },
  { value: 'service', label: 'Service' },
  { value: 'key', label: 'API key' },
  { value: 'everyone', label: 'Everyone in the tenant' },
]

/** Who is meant: a kind, and one of it. @param name of the member in the body: `assignee`, `who` */
export function WhoFields({
  id,
  kind,
  name,
  onId,
  onKind,
}: {
  name: string
  kind: AssigneeKind
  id: string
  onKind: (kind: AssigneeKind) => void
  onId: (id: string) => void
}) {
  const choices = useAssignees(kind)
  return (
    <div class="form-row">
      <Field name={`${name}.kind`} label="Who" required>
        <Select
          value={kind}
          onValue={(next) => {
            onKind(next as AssigneeKind)
            onId('')
          }}
          options={[...KINDS]}
        />
      </Field>
      {kind !== 'everyone' && (
        <Field
          name={`${name}.id`}
          label={KINDS.find(({ value }) => value === kind)?.label ?? ''}
          required
          {...(kind === 'group'
            ? { hint: 'Also a group that only the issuer’s tokens name.' }
            : {})}
        >
          <Combobox
            value={id}
            onValue={onId}
            options={choices}
            placeholder="Choose, or type an id"
          />
        </Field>
      )}
    </div>
  )
}

export type ScopeKind = 'tenant' | 'model' | 'provider' | 'team' | 'platform'

const SCOPES: readonly { readonly value: ScopeKind; readonly label: string }[] = [
  { value: 'tenant', label: 'The whole tenant' },
  { value: 'model', label: 'Some models' },
  { value: 'provider', label: 'Some providers' },
  { value: 'team', label: 'A team' },
  { value: 'platform', label: 'The whole installation' },
]

/** The words of a scope as the API takes them. */
export function scopeOf(kind: ScopeKind, name: string): string {
  if (kind === 'platform') return '/'
  return kind === 'tenant' ? 'tenant' : `${kind}:${name}`
}

/** Where something holds. @param isPlatform whether the whole installation can be chosen */
export function ScopeFields({
  isPlatform,
  kind,
  name,
  onKind,
  onName,
}: {
  isPlatform: boolean
  kind: ScopeKind
  name: string
  onKind: (kind: ScopeKind) => void
  onName: (name: string) => void
}) {
  const hasName = kind === 'model' || kind === 'provider' || kind === 'team'
  return (
    <div class="form-row">
      <Field {...(hasName ? {} : { name: 'scope' })} label="Where" required>
        <Select
          value={kind}
          onValue={(next) => onKind(next as ScopeKind)}
          options={SCOPES.filter(({ value }) => value !== 'platform' || isPlatform)}
        />
      </Field>
      {hasName && (
        <Field
          name="scope"
          label={kind === 'model' ? 'Model' : kind === 'provider' ? 'Provider' : 'Team'}
          required
          {...(kind === 'team' ? {} : { hint: '* stands for any text.' })}
        >
          <Input
            value={name}
            onValue={onName}
            spellcheck={false}
            placeholder={kind === 'model' ? 'gpt-*' : kind === 'provider' ? 'openai' : 'research'}
          />
        </Field>
      )}
    </div>
  )
}

/** A line with a sign in front, for what is worth knowing beside a form. */
export function Aside({ children }: { children: ComponentChildren }) {
  return (
    <p class="people-aside">
      <Icon name="info" size={14} /> <span>{children}</span>
    </p>
  )
}
