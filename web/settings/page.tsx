// Settings of the program: as they are in force and where each comes from, the configuration as a file, the encryption of secrets, and what
// runs here. What the file sets is shown, with the reason why it is not changed here.

import { PageHeader } from '../components/page.tsx'
import { Tabs } from '../components/tabs.tsx'
import type { PageProps } from '../pages.ts'
import { can, canEverywhere } from '../session.ts'
import { AboutTab } from './about-tab.tsx'
import { ContentTab } from './content-tab.tsx'
import { FlagsTab } from './flags-tab.tsx'
import { ListTab } from './list-tab.tsx'
import { SecretsTab } from './secrets-tab.tsx'
import { TelemetryTab } from './telemetry-tab.tsx'
import { TransferTab } from './transfer-tab.tsx'

type TabId = 'all' | 'flags' | 'content' | 'telemetry' | 'transfer' | 'secrets' | 'about'

export default function SettingsPage({ params }: PageProps) {
  const isAll = canEverywhere('settings.read')
  const tabs: { readonly id: TabId; readonly title: string; readonly href: string }[] = [
    ...(isAll ? [{ id: 'all', title: 'Settings', href: '/ui/settings' } as const] : []),
    ...(can('flag.read')
      ? [{ id: 'flags', title: 'Feature flags', href: '/ui/settings/flags' } as const]
      : []),
    ...(can('content_rule.read') || can('hold.read') || can('erasure.read')
      ? [{ id: 'content', title: 'Content', href: '/ui/settings/content' } as const]
      : []),
    ...(canEverywhere('health.read') || can('cache.read')
      ? [{ id: 'telemetry', title: 'Telemetry', href: '/ui/settings/telemetry' } as const]
      : []),
    ...(can('settings.read')
      ? [{ id: 'transfer', title: 'Export & import', href: '/ui/settings/transfer' } as const]
      : []),
    ...(isAll
      ? ([
          { id: 'secrets', title: 'Secrets', href: '/ui/settings/secrets' },
          { id: 'about', title: 'About', href: '/ui/settings/about' },
        ] as const)
      : []),
  ]
  const current = tabs.find(({ id }) => id === params['tab'])?.id ?? tabs[0]?.id ?? 'all'
  return (
    <>
      <PageHeader title="Settings">
        How Weir is set up, and what of it can be changed here.
      </PageHeader>
      <Tabs label="Settings" tabs={tabs} current={current}>
        {current === 'all' && <ListTab />}
        {current === 'flags' && <FlagsTab />}
        {current === 'content' && <ContentTab />}
        {current === 'telemetry' && <TelemetryTab />}
        {current === 'transfer' && <TransferTab />}
        {current === 'secrets' && <SecretsTab />}
        {current === 'about' && <AboutTab />}
      </Tabs>
    </>
  )
}
