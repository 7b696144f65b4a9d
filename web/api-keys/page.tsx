// The keys of a tenant: what programs ask with, for whoever manages them.

import { PageHeader, Panel } from '../components/page.tsx'
import { can } from '../session.ts'
import { tenantKeys } from './keys-api.ts'
import { KeysBoard } from './keys-board.tsx'

export default function KeysPage() {
  return (
    <KeysBoard keys={tenantKeys} mayWrite={can('key.write')} mayDelete={can('key.delete')}>
      {(create, list) => (
        <>
          <PageHeader title="Keys" actions={create}>
            What programs ask with. Each is shown once, when it is made.
          </PageHeader>
          <Panel flush>{list}</Panel>
        </>
      )}
    </KeysBoard>
  )
}
