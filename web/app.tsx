// The web UI begins here: who looks, then the page of the address inside the shell. A page's code comes when it is looked at; what goes wrong in
// one is shown in its place and leaves the rest alone.

import { effect, signal } from '@preact/signals'
import { Component, render, type ComponentChildren, type ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { toProblem } from './api.ts'
import { Button, ButtonLink } from './components/button.tsx'
import { PageHeader } from './components/page.tsx'
import { EmptyState, ErrorState, Skeleton } from './components/states.tsx'
import { PAGES, type Page, type PageProps } from './pages.ts'
import { matchPath, path } from './router.tsx'
import { isLetIn, learnRights, loadSession, logOut, session, tenant, toLogin } from './session.ts'
import { isSeen, Shell } from './shell.tsx'

type Loaded = { readonly view: ComponentType<PageProps> } | { readonly failed: unknown }

const loaded = signal<ReadonlyMap<Page, Loaded>>(new Map())

function loadPage(page: Page): void {
  const keep = (result: Loaded) => (loaded.value = new Map(loaded.peek()).set(page, result))
  page.load().then(
    (module) => keep({ view: module.default }),
    (failed: unknown) => keep({ failed }),
  )
}

function Current() {
  for (const page of PAGES) {
    const params = matchPath(page.path, path.value)
    if (params === undefined) continue
    // Whatever a page keeps is of the tenant it was drawn for.
    return isSeen(page) ? (
      <PageFrame key={`${page.path} ${tenant.value}`} page={page} params={params} />
    ) : (
      <NotAllowed />
    )
  }
  return <NotFound />
}

function PageFrame({ page, params }: { page: Page; params: Readonly<Record<string, string>> }) {
  const state = loaded.value.get(page)
  useEffect(() => {
    if (state !== undefined) return
    // Its own heading says more once it is there.
    document.title = `${page.title} · Weir`
    loadPage(page)
  }, [page])
  if (state === undefined) return <Skeleton rows={6} />
  if ('failed' in state) {
    return (
      <ErrorState
        title="The page could not be loaded"
        problem={toProblem(state.failed)}
        onRetry={() => location.reload()}
      />
    )
  }
  const View = state.view
  return (
    <Boundary>
      <View params={params} />
    </Boundary>
  )
}

/** Shows what went wrong in a page in its place. */
class Boundary extends Component<{ children: ComponentChildren }, { thrown?: unknown }> {
  static override getDerivedStateFromError(thrown: unknown) {
    return { thrown }
  }

  override render() {
    const { thrown } = this.state
    if (thrown === undefined) return this.props.children
    return (
      <ErrorState
        title="This page broke"
        problem={toProblem(thrown)}
        onRetry={() => this.setState({ thrown: undefined })}
      />
    )
  }
}

function NotFound() {
  return (
    <>
      <PageHeader title="Not found" />
      <EmptyState
        icon="search"
        title="There is no such page"
        action={<ButtonLink href="/ui">Go home</ButtonLink>}
      >
        The address may be old, or mistyped.
      </EmptyState>
    </>
  )
}

function NotAllowed() {
  return (
    <>
      <PageHeader title="Not for you" />
      <EmptyState
        icon="lock"
        title="You may not see this page"
        action={<ButtonLink href="/ui">Go home</ButtonLink>}
      >
        None of your roles gives you that. Ask an administrator.
      </EmptyState>
    </>
  )
}

function NoRole({ message }: { message: string }) {
  return (
    <main id="main" class="alone">
      <EmptyState
        icon="lock"
        title="No access yet"
        action={<Button onClick={() => void logOut()}>Log out</Button>}
      >
        {message}
      </EmptyState>
    </main>
  )
}

function App() {
  const { value: state } = session
  if (state === undefined) return null
  if (state.authenticated && state.access === false) return <NoRole message={state.message ?? ''} />
  return (
    <Shell>
      <Current />
    </Shell>
  )
}

async function start(root: HTMLElement): Promise<void> {
  // The page's code is on its way while it is asked who looks.
  const first = PAGES.find((page) => matchPath(page.path, path.peek()) !== undefined)
  if (first !== undefined) loadPage(first)
  try {
    const state = await loadSession()
    if (!isLetIn(state)) return toLogin()
  } catch (thrown) {
    render(
      <ErrorState
        title="The server does not answer"
        problem={toProblem(thrown)}
        onRetry={() => location.reload()}
      />,
      root,
    )
    return undefined
  }
  root.replaceChildren()
  render(<App />, root)
  // Somebody comes back to a page that was left open.
  addEventListener('focus', () => void learnRights())
  return undefined
}

const root = document.getElementById('app')
if (root !== null) void start(root)

effect(() => {
  document.documentElement.dataset['tenant'] = tenant.value ?? ''
})
