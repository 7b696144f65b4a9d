// What stored secrets are encrypted with, and encrypting them anew, with how far that is.

import { api, unwrap } from '../api.ts'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { confirmAction } from '../components/dialog.tsx'
import { Notice } from '../components/notice.tsx'
import { Facts, Panel } from '../components/page.tsx'
import { Loaded } from '../components/states.tsx'
import { Table, type Column } from '../components/table.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { invalidate, useQuery } from '../query.ts'
import { canEverywhere } from '../session.ts'
import { secretsOf } from './settings-api.ts'

type Secrets = Awaited<ReturnType<typeof secretsOf>>
type DataKey = Secrets['keys'][number]

const COLUMNS: readonly Column<DataKey>[] = [
  { id: 'id', title: 'Key', card: 'title', cell: ({ id }) => <code>{id}</code> },
  {
    id: 'purpose',
    title: 'For',
    cell: ({ purpose }) => (purpose === 'seal' ? 'stored secrets' : 'the audit'),
  },
  { id: 'created', title: 'Made', cell: ({ created }) => <RelativeTime at={created} /> },
  {
    id: 'state',
    title: 'State',
    cell: ({ retired }) =>
      retired === null ? <Badge tone="good">in use</Badge> : <Badge>retired</Badge>,
  },
  { id: 'values', title: 'Values', align: 'end', cell: ({ values }) => values },
]

async function rotate(): Promise<void> {
  const isBegun = await confirmAction({
    title: 'Encrypt every stored secret anew?',
    message:
      'A new key is made and every stored secret is encrypted with it, while requests go on. Nothing has to be set anywhere.',
    confirm: 'Rotate secrets',
    run: () => unwrap(api.secrets.rotate.post()),
  })
  if (!isBegun) return
  invalidate('secrets')
  toast('The rotation has begun.')
}

export function SecretsTab() {
  const query = useQuery('secrets', secretsOf, { pollMs: 2_000 })
  return (
    <Loaded query={query}>
      {({ keys, master_key: master, others, rotation }) => (
        <div class="stack">
          {rotation !== null && <Rotation rotation={rotation} />}
          <Panel
            title="Encryption"
            hint="Keys of providers and other secrets are never stored in clear."
            actions={
              canEverywhere('secret.rotate') && (
                <Button
                  icon="refresh"
                  disabled={rotation?.running === true}
                  onClick={() => void rotate()}
                >
                  Rotate secrets
                </Button>
              )
            }
          >
            <Facts
              items={[
                ['Master key', <code key="m">{master}</code>],
                others > 0 ? ['Of older releases', `${others} values`] : undefined,
              ]}
            />
          </Panel>
          <Panel title="Keys" flush>
            <Table
              caption="Keys that stored secrets are encrypted with"
              rows={keys}
              columns={COLUMNS}
              keyOf={({ id }) => id}
              isMuted={({ retired }) => retired !== null}
            />
          </Panel>
        </div>
      )}
    </Loaded>
  )
}

function Rotation({ rotation }: { rotation: NonNullable<Secrets['rotation']> }) {
  const { done, ended, problem, running } = rotation
  if (running) {
    return (
      <Notice tone="info" title="Secrets are being encrypted anew">
        {done} so far. Requests go on meanwhile.
      </Notice>
    )
  }
  return problem === null ? (
    <Notice tone="good" title="Secrets are encrypted anew">
      {done} values, <RelativeTime at={ended} />. Backups from before need the master key of then.
    </Notice>
  ) : (
    <Notice tone="bad" title="The rotation did not end">
      {problem}
    </Notice>
  )
}
