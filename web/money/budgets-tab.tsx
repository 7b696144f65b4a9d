// Budgets with what is left of them: the fullest first. A budget of the file or of a key is shown and not changed here.

import { useSignal } from '@preact/signals'
import { Badge, Bar } from '../components/badge.tsx'
import { Button, ButtonLink } from '../components/button.tsx'
import { confirmAction, Drawer } from '../components/dialog.tsx'
import { Menu, type MenuItem } from '../components/menu.tsx'
import { Panel, SearchInput } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { toast } from '../components/toast.tsx'
import { RelativeTime } from '../components/values.tsx'
import { formatUsd } from '../format.ts'
import { orToast } from '../or-toast.ts'
import { invalidate, useQuery } from '../query.ts'
import { can } from '../session.ts'
import { BudgetForm } from './budget-form.tsx'
import {
  deleteBudget,
  readAccounts,
  readBudget,
  readBudgets,
  resetAccount,
  type Account,
  type Budget,
} from './money-api.ts'
import { budgetWords, subjectWords, whomWords } from './words.ts'

const POLL_MS = 10_000
const NEAR = 0.8
/** Accounts that are shown with their budget; the others in a drawer. */
const SHOWN_MAX = 6

type Open = { readonly kind: 'form' | 'accounts'; readonly budget?: Budget } | undefined

export function BudgetsTab() {
  const open = useSignal<Open>(undefined)
  const budgets = useQuery('budgets', readBudgets, { pollMs: POLL_MS })
  const create = can('budget.write') ? (
    <Button variant="primary" icon="plus" onClick={() => (open.value = { kind: 'form' })}>
      Create budget
    </Button>
  ) : null
  const close = () => (open.value = undefined)
  return (
    <div class="stack">
      <div class="row spread">
        <p class="soft">What may be spent, by whom, in which window of the calendar.</p>
        {create}
      </div>
      <Loaded query={budgets}>
        {({ data }) =>
          data.length === 0 ? (
            <Panel>
              <EmptyState icon="money" title="No budgets yet" action={create}>
                Without one, requests cost what they cost. A budget refuses or tells what goes
                beyond it.
              </EmptyState>
            </Panel>
          ) : (
            <>
              <NearEnd budgets={data} />
              {data.filter(isRule).map((budget) => (
                <BudgetPanel
                  key={budget.id}
                  budget={budget}
                  onEdit={() =>
                    void orToast(readBudget(budget.id)).then((seen) => {
                      if (seen !== undefined) open.value = { kind: 'form', budget: seen }
                    })
                  }
                  onAll={() => (open.value = { kind: 'accounts', budget })}
                />
              ))}
              <OfKeys budgets={data.filter((budget) => !isRule(budget))} />
            </>
          )
        }
      </Loaded>
      {open.value?.kind === 'form' && <BudgetForm budget={open.value.budget} onClose={close} />}
      {open.value?.kind === 'accounts' && open.value.budget !== undefined && (
        <AllAccounts budget={open.value.budget} onClose={close} />
      )}
    </div>
  )
}

/** Not one that a key brings with it. */
function isRule({ id }: Budget): boolean {
  return !id.startsWith('key:')
}

const KEYS_SHOWN_MAX = 12

/** Budgets of keys' own, together: each is changed with its key. */
function OfKeys({ budgets }: { budgets: readonly Budget[] }) {
  const spent = budgets.flatMap((budget) => budget.accounts.map((account) => ({ account, budget })))
  if (budgets.length === 0) return null
  return (
    <Panel
      title="Budgets of single keys"
      hint="Each belongs to its key and is changed there."
      actions={
        <ButtonLink href="/ui/keys" icon="key">
          Keys
        </ButtonLink>
      }
    >
      {spent.length === 0 ? (
        <p class="soft">Nothing was spent in the windows of now.</p>
      ) : (
        <div class="bars">
          {spent.slice(0, KEYS_SHOWN_MAX).map(({ account, budget }) => (
            <AccountBar key={budget.id} account={account} budget={budget} isNamed />
          ))}
        </div>
      )}
      {budgets.length > Math.min(spent.length, KEYS_SHOWN_MAX) && (
        <p class="soft">{budgets.length} keys have a budget of their own.</p>
      )}
    </Panel>
  )
}

/** Those who will soon be refused, or are already. */
function NearEnd({ budgets }: { budgets: readonly Budget[] }) {
  const near = budgets.flatMap((budget) =>
    budget.accounts
      .filter(({ used_share: share }) => share === null || share >= NEAR)
      .map((account) => ({ account, budget })),
  )
  if (near.length === 0) return null
  return (
    <Panel title="Near the end" hint="More than 80 % is spent.">
      <div class="bars">
        {near.slice(0, 12).map(({ account, budget }) => (
          <AccountBar
            key={`${budget.id} ${account.subject}`}
            account={account}
            budget={budget}
            isNamed
          />
        ))}
      </div>
    </Panel>
  )
}

interface BudgetPanelProps {
  readonly budget: Budget
  readonly onEdit: () => void
  readonly onAll: () => void
}

function BudgetPanel({ budget, onAll, onEdit }: BudgetPanelProps) {
  const { accounts, accounts_total: total, action, only, per, read_only: reason } = budget
  const whom = whomWords(per, only)
  const items: (MenuItem | undefined)[] = [
    total > 0 ? { label: 'All accounts', icon: 'list', onSelect: onAll } : undefined,
    reason === null && can('budget.write')
      ? { label: 'Edit', icon: 'edit', onSelect: onEdit }
      : undefined,
    reason === null && can('budget.delete')
      ? { label: 'Delete', icon: 'trash', danger: true, onSelect: () => void remove(budget, whom) }
      : undefined,
  ]
  const hasMenu = items.some((item) => item !== undefined)
  return (
    <Panel
      title={`${whom}: ${budgetWords(budget)}`}
      hint={
        <>
          {action === 'block' ? 'Refuses what goes beyond.' : 'Only tells.'}
          {budget.webhook !== null && <> Alerts go to {budget.webhook.replace(/\/…$/, '')}.</>}
          {reason !== null && <> {reason}</>}
        </>
      }
      actions={
        <>
          {reason !== null && <Badge icon="file">file</Badge>}
          {hasMenu && <Menu label={`Actions for ${whom}`} icon="more" items={items} />}
        </>
      }
    >
      {accounts.length === 0 ? (
        <p class="soft">Nothing was spent in the window of now.</p>
      ) : (
        <div class="bars">
          {accounts.slice(0, SHOWN_MAX).map((account) => (
            <AccountBar key={account.subject} account={account} budget={budget} />
          ))}
        </div>
      )}
      {total > SHOWN_MAX && (
        <Button variant="ghost" size="small" onClick={onAll}>
          All {total} accounts
        </Button>
      )}
    </Panel>
  )
}

interface AccountBarProps {
  readonly account: Account
  readonly budget: Budget
  /** Says which budget it is of. */
  readonly isNamed?: boolean
}

function AccountBar({ account, budget, isNamed = false }: AccountBarProps) {
  const {
    held_usd: held,
    left_usd: left,
    name,
    spent_usd: spent,
    subject,
    window_end: end,
  } = account
  const words = subjectWords(subject, name)
  return (
    <div class="account">
      <Bar
        label={`${words}, ${budgetWords(budget)}`}
        value={spent}
        max={budget.usd}
        text={
          <>
            <strong>{words}</strong> {isNamed && <span class="soft">({budgetWords(budget)})</span>}
          </>
        }
      />
      <div class="row spread">
        <small class="soft">
          {formatUsd(spent)} spent, {formatUsd(left)} left
          {held > 0 && <>, {formatUsd(held)} held</>}
          {end !== null && (
            <>
              ; begins anew <RelativeTime at={end} />
            </>
          )}
        </small>
        {can('budget.write') && (
          <Button
            variant="ghost"
            size="small"
            aria-label={`Reset ${words}`}
            onClick={() => void reset(budget, account)}
          >
            Reset
          </Button>
        )}
      </div>
    </div>
  )
}

async function reset(budget: Budget, { name, spent_usd: spent, subject }: Account): Promise<void> {
  const words = subjectWords(subject, name)
  const isDone = await confirmAction({
    title: `Reset the budget of ${words}?`,
    message: `${formatUsd(spent)} of ${budgetWords(budget)} are forgotten; the window goes on. Usage and cost stay as they are.`,
    confirm: 'Reset budget',
    danger: true,
    run: () => resetAccount(budget.id, subject),
  })
  if (!isDone) return
  invalidate('budgets', 'accounts')
  toast(`The budget of ${words} begins anew.`)
}

async function remove({ accounts_total: total, id }: Budget, whom: string): Promise<void> {
  const isDone = await confirmAction({
    title: `Delete the budget “${whom}”?`,
    breaks: [
      total === 0
        ? 'Nothing was counted by it in this window.'
        : `${total} ${total === 1 ? 'account is' : 'accounts are'} not held to it any more.`,
    ],
    confirm: 'Delete budget',
    danger: true,
    run: () => deleteBudget(id),
  })
  if (!isDone) return
  invalidate('budgets')
  toast('The budget is deleted.')
}

function AllAccounts({ budget, onClose }: { budget: Budget; onClose: () => void }) {
  const q = useSignal('')
  const accounts = useQuery(
    ['accounts', budget.id, q.value],
    (options) => readAccounts(budget.id, q.value.trim(), options),
    { keep: true },
  )
  return (
    <Drawer
      title={`${whomWords(budget.per, budget.only)}: ${budgetWords(budget)}`}
      onClose={onClose}
    >
      <div class="stack">
        <SearchInput label="Search accounts" value={q.value} onValue={(text) => (q.value = text)} />
        <Loaded query={accounts}>
          {({ data, total }) => (
            <>
              <div class="bars bars-one">
                {data.map((account) => (
                  <AccountBar key={account.subject} account={account} budget={budget} />
                ))}
              </div>
              {total > data.length && (
                <p class="soft">
                  {data.length} of {total}. Search to find the others.
                </p>
              )}
            </>
          )}
        </Loaded>
      </div>
    </Drawer>
  )
}
