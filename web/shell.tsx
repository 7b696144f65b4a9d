// What stands around every page: the navigation of what one may see, who one is, the theme, and the keys that go anywhere. Pages are drawn
// inside it and know nothing of it.

import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { toProblem } from './api.ts'
import { Button, IconButton } from './components/button.tsx'
import { ConfirmHost, Dialog } from './components/dialog.tsx'
import { Menu } from './components/menu.tsx'
import { toast, ToastHost } from './components/toast.tsx'
import { Icon, type IconName } from './icons.tsx'
import { installKeys } from './keys.ts'
import { PAGES, type NavGroup, type Page } from './pages.ts'
import { Link, matchPath, path } from './router.tsx'
import { can, logOut, session, shownName } from './session.ts'
import { TenantSwitcher } from './tenant-switcher.tsx'
import { chooseTheme, theme, type Theme } from './theme.ts'

const isNavOpen = signal(false)
const areKeysShown = signal(false)

/** Whether the navigation shows a page. */
export function isSeen({ needs }: Page): boolean {
  return needs === undefined || needs.some(can)
}

export function Shell({ children }: { children: ComponentChildren }) {
  useEffect(
    () => installKeys({ jumps: seenJumps, showHelp: () => (areKeysShown.value = true) }),
    [],
  )
  useEffect(() => {
    isNavOpen.value = false
  }, [path.value])
  return (
    <div class="shell">
      <a class="skip-link" href="#main">
        Skip to the content
      </a>
      <header class="topbar">
        <IconButton
          icon={isNavOpen.value ? 'close' : 'menu'}
          label={isNavOpen.value ? 'Close the navigation' : 'Open the navigation'}
          aria-expanded={isNavOpen.value}
          aria-controls="sidebar"
          onClick={() => (isNavOpen.value = !isNavOpen.value)}
        />
        <Brand />
        <AccountMenu isSmall />
      </header>
      <Sidebar />
      {isNavOpen.value && <div class="nav-backdrop" onClick={() => (isNavOpen.value = false)} />}
      <main id="main" class="main" tabIndex={-1}>
        {children}
      </main>
      <ToastHost />
      <ConfirmHost />
      {areKeysShown.value && <KeysDialog />}
    </div>
  )
}

function Brand() {
  return (
    <Link class="brand" href="/ui">
      <img src="/ui/icon.svg" width="24" height="24" alt="" />
      Weir
    </Link>
  )
}

const GROUPS: readonly NavGroup[] = ['Use', 'Observe', 'Configure', 'Administer']

function Sidebar() {
  const seen = PAGES.filter((page) => page.nav !== undefined && isSeen(page))
  return (
    <div id="sidebar" class={isNavOpen.value ? 'sidebar sidebar-open' : 'sidebar'}>
      <header class="sidebar-brand">
        <Brand />
      </header>
      <TenantSwitcher />
      <nav aria-label="Main">
        {GROUPS.map((group) => {
          const pages = seen.filter(({ nav }) => nav?.group === group)
          return pages.length === 0 ? null : (
            <div key={group} class="nav-group">
              <h2 id={`nav-${group}`}>{group}</h2>
              <ul aria-labelledby={`nav-${group}`}>
                {pages.map((page) => (
                  <NavLink key={page.path} page={page} />
                ))}
              </ul>
            </div>
          )
        })}
      </nav>
      <section class="sidebar-foot" aria-label="Help and account">
        <a class="nav-link" href="/docs/guide" target="_blank" rel="noreferrer">
          <Icon name="book" />
          Guide
        </a>
        <a class="nav-link" href="/docs" target="_blank" rel="noreferrer">
          <Icon name="book" />
          API documentation
        </a>
        <AccountMenu />
      </section>
    </div>
  )
}

function NavLink({ page }: { page: Page }) {
  const href = page.path.replace(/\/:\w+\??$/, '')
  const isHere = matchPath(page.path, path.value) !== undefined
  // A page that belongs to another one is below its path.
  const isAround = href !== '/ui' && path.value.startsWith(`${href}/`)
  return (
    <li>
      <Link
        class="nav-link"
        href={href}
        aria-current={isHere ? 'page' : isAround ? 'true' : undefined}
        aria-keyshortcuts={page.nav === undefined ? undefined : `g ${page.nav.jump}`}
      >
        <Icon name={page.nav?.icon ?? 'right'} />
        {page.title}
      </Link>
    </li>
  )
}

const THEMES: readonly (readonly [Theme, string, IconName])[] = [
  ['system', 'System theme', 'screen'],
  ['light', 'Light', 'sun'],
  ['dark', 'Dark', 'moon'],
]

function AccountMenu({ isSmall = false }: { isSmall?: boolean }) {
  const { value: state } = session
  if (state === undefined) return null
  const name = shownName(state)
  const roles = [
    ...new Set(
      (state.roles ?? []).filter(({ effect }) => effect === 'allow').map(({ role }) => role),
    ),
  ]
  const detail = state.authenticated
    ? [state.user?.email, roles.join(', ')]
        .filter((text) => text !== undefined && text !== null && text !== '')
        .join(' · ')
    : 'On this machine, without a login'
  const canLogIn =
    !state.authenticated && (state.local === true || (state.issuers ?? []).length > 0)
  const items = [
    ...THEMES.map(([id, label, icon]) => ({
      label,
      icon,
      checked: theme.value === id,
      onSelect: () => chooseTheme(id),
    })),
    { label: 'Keyboard', icon: 'info' as const, onSelect: () => (areKeysShown.value = true) },
    canLogIn
      ? { label: 'Log in', icon: 'lock' as const, href: '/auth/login?return=/ui' }
      : undefined,
    state.authenticated
      ? { label: 'Log out', icon: 'logout' as const, onSelect: leave }
      : undefined,
  ]
  const head = (
    <>
      <strong>{name}</strong>
      <span class="soft">{detail}</span>
    </>
  )
  if (isSmall) return <Menu icon="me" label="Account" head={head} items={items} />
  return (
    <Menu label={`Account: ${name}`} head={head} items={items}>
      <span class="shell-account">
        <Icon name="me" />
        <span class="shell-account-name">{name}</span>
        <Icon name="up" size={14} />
      </span>
    </Menu>
  )
}

function seenJumps(): ReadonlyMap<string, string> {
  return new Map(
    PAGES.filter(isSeen).flatMap(({ nav, path: at }) =>
      nav === undefined ? [] : [[nav.jump, at.replace(/\/:\w+\??$/, '')] as const],
    ),
  )
}

function KeysDialog() {
  const seen = PAGES.filter((page) => page.nav !== undefined && isSeen(page))
  return (
    <Dialog
      title="Keyboard"
      size="small"
      onClose={() => (areKeysShown.value = false)}
      footer={
        <Button variant="primary" data-autofocus onClick={() => (areKeysShown.value = false)}>
          Close
        </Button>
      }
    >
      <dl class="keys">
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Search on this page</dd>
        </div>
        <div>
          <dt>
            <kbd>j</kbd> <kbd>k</kbd>
          </dt>
          <dd>Down and up in requests; Enter opens</dd>
        </div>
        {seen.map(({ nav, title }) => (
          <div key={title}>
            <dt>
              <kbd>g</kbd> <kbd>{nav?.jump}</kbd>
            </dt>
            <dd>{title}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>This list</dd>
        </div>
      </dl>
    </Dialog>
  )
}

function leave(): void {
  logOut().catch((thrown) => toast(toProblem(thrown).detail, { tone: 'bad' }))
}
