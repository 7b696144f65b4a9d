// Which tenant is looked at, for those with rights over the whole installation. Everything on the pages is that tenant's; whoever has one
// tenant alone never sees this.

import { useSignal } from '@preact/signals'
import { Button } from './components/button.tsx'
import { Dialog } from './components/dialog.tsx'
import { Combobox } from './components/inputs.tsx'
import { ask } from './api.ts'
import { Icon } from './icons.tsx'
import { useQuery } from './query.ts'
import { maySwitchTenant, otherTenant, session, switchTenant, tenant } from './session.ts'

export function TenantSwitcher() {
  const isOpen = useSignal(false)
  if (!maySwitchTenant.value) return null
  const isOwn = otherTenant.value === undefined
  return (
    <section class={isOwn ? 'shell-tenant' : 'shell-tenant shell-tenant-other'} aria-label="Tenant">
      <Button
        variant="ghost"
        icon="building"
        onClick={() => (isOpen.value = true)}
        aria-label={`Tenant ${tenant.value}, switch`}
      >
        <span class="shell-tenant-name">{tenant.value}</span>
        <Icon name="down" size={14} />
      </Button>
      {isOpen.value && <SwitchDialog onClose={() => (isOpen.value = false)} />}
    </section>
  )
}

interface TenantList {
  readonly data?: readonly { readonly id: string; readonly name?: string }[]
}

function SwitchDialog({ onClose }: { onClose: () => void }) {
  const chosen = useSignal(tenant.value ?? '')
  const list = useQuery('tenants-to-switch', async ({ signal }) => {
    const answer = await ask('/admin/tenants?limit=200', { signal })
    // Whoever can't list them can still name one.
    return answer.ok ? ((await answer.json()) as TenantList) : {}
  })
  const go = (id: string | undefined) => {
    switchTenant(id)
    onClose()
  }
  return (
    <Dialog
      size="small"
      title="Look at a tenant"
      onClose={onClose}
      footer={
        <>
          {otherTenant.value !== undefined && (
            <Button onClick={() => go(undefined)}>Back to {session.value?.tenant}</Button>
          )}
          <Button
            variant="primary"
            disabled={chosen.value.trim() === ''}
            onClick={() => go(chosen.value.trim())}
          >
            Look at it
          </Button>
        </>
      }
    >
      <Combobox
        label="Tenant"
        value={chosen.value}
        onValue={(value) => (chosen.value = value)}
        options={(list.data?.data ?? []).map(({ id, name }) => ({
          value: id,
          label: name === undefined || name === id ? id : `${name} (${id})`,
        }))}
      />
    </Dialog>
  )
}
