// Limits, budgets and usage, each at its own address.

import type { PageProps } from '../pages.ts'
import { PageHeader } from '../components/page.tsx'
import { Tabs } from '../components/tabs.tsx'
import { can } from '../session.ts'
import { BudgetsTab } from './budgets-tab.tsx'
import { LimitsTab } from './limits-tab.tsx'
import { UsageTab } from './usage-tab.tsx'

const TABS = [
  { id: 'budgets', title: 'Budgets', href: '/ui/limits', needs: 'budget.read', View: BudgetsTab },
  {
    id: 'limits',
    title: 'Limits',
    href: '/ui/limits/limits',
    needs: 'limit.read',
    View: LimitsTab,
  },
  { id: 'usage', title: 'Usage', href: '/ui/limits/usage', needs: 'usage.read', View: UsageTab },
] as const

export default function MoneyPage({ params }: PageProps) {
  const seen = TABS.filter(({ needs }) => can(needs))
  const current = seen.find(({ id }) => id === (params['tab'] ?? 'budgets')) ?? seen[0]
  if (current === undefined) return null
  const { View } = current
  return (
    <>
      <PageHeader title="Limits & budgets">What may be used and spent, and what was.</PageHeader>
      <Tabs label="Limits, budgets and usage" tabs={seen} current={current.id}>
        <View />
      </Tabs>
    </>
  )
}
