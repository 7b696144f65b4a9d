// One record of the audit: who, when, from where, and what was different afterwards.

import { Drawer } from '../components/dialog.tsx'
import { Facts } from '../components/page.tsx'
import { JsonView, Time } from '../components/values.tsx'
import type { AuditRecord } from './audit-api.ts'
import { differences } from './differences.ts'

/** In words who it was. */
export function whoOf({ actor }: AuditRecord): string {
  const name = actor.name ?? (actor.kind === 'anonymous' ? 'without a key' : actor.id)
  return actor.kind === 'user' || actor.kind === 'anonymous' ? name : `${actor.kind} ${name}`
}

export function RecordDrawer({ onClose, record }: { record: AuditRecord; onClose: () => void }) {
  const { actor, after, before, hash, request_id: request, sequence, target, tenant, time } = record
  const changes = differences(before, after)
  return (
    <Drawer title={record.action} onClose={onClose} size="wide">
      <div class="stack">
        <Facts
          items={[
            ['When', <Time key="t" at={time} />],
            ['Who', whoOf(record)],
            actor.name === null ? undefined : ['Their id', <code key="i">{actor.id}</code>],
            ['From', actor.from ?? '—'],
            ['Of what', `${target.kind} ${target.id}`],
            ['Tenant', tenant],
            request === null ? undefined : ['Request', <code key="r">{request}</code>],
            ['Record', `${sequence}`],
            [
              'Signature',
              <code key="h" class="audit-hash">
                {hash}
              </code>,
            ],
          ]}
        />
        {before !== null && after !== null && (
          <section class="stack">
            <h3>What changed</h3>
            {changes.length === 0 ? (
              <p class="soft">Nothing that is shown: a secret may have been replaced.</p>
            ) : (
              <table class="audit-diff">
                <caption class="visually-hidden">Members before and after</caption>
                <thead>
                  <tr>
                    <th scope="col">Member</th>
                    <th scope="col">Before</th>
                    <th scope="col">After</th>
                  </tr>
                </thead>
                <tbody>
                  {changes.map((change) => (
                    <tr key={change.path}>
                      <th scope="row">
                        <code>{change.path}</code>
                      </th>
                      <td class="audit-before">{change.before ?? '—'}</td>
                      <td class="audit-after">{change.after ?? '—'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </section>
        )}
        {before !== null && (
          <section class="stack">
            <h3>Before</h3>
            <JsonView value={before} />
          </section>
        )}
        {after !== null && (
          <section class="stack">
            <h3>After</h3>
            <JsonView value={after} />
          </section>
        )}
      </div>
    </Drawer>
  )
}
