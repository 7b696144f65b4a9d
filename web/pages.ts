// The one table of the pages there are: the path each stands at, how it is called, where it is in the navigation, what one needs to see it, and
// how it is loaded. Pages of a kind are one file (`pages-….ts`) that comes when one of them is looked at; this table draws nothing.

import type { ComponentType } from 'preact'
import type { IconName } from './icons.tsx'
import type { Action } from './session.ts'

/** What a page is given: the parameters of its path. */
export interface PageProps {
  readonly params: Readonly<Record<string, string>>
}

export type NavGroup = 'Use' | 'Observe' | 'Configure' | 'Administer'

export interface Page {
  /** `:id` is one part; `:tab?` at the end one or none. */
  readonly path: string
  /** Of the window; a page may say more by `<PageHeader title>`. */
  readonly title: string
  /** Absent: it is reached from another page. */
  readonly nav?: {
    readonly group: NavGroup
    readonly icon: IconName
    /** After `g`, the letter that jumps to it. */
    readonly jump: string
  }
  /** One of these is needed to see it; absent: everybody sees it. */
  readonly needs?: readonly Action[]
  load(): Promise<{ readonly default: ComponentType<PageProps> }>
}

/** In the order of the navigation. */
export const PAGES: readonly Page[] = [
  {
    path: '/ui',
    title: 'Home',
    nav: { group: 'Use', icon: 'home', jump: 'h' },
    load: async () => ({ default: (await import('./pages-use.ts')).HomePage }),
  },
  {
    path: '/ui/connect',
    title: 'Connect',
    nav: { group: 'Use', icon: 'plug', jump: 'c' },
    needs: ['model.list'],
    load: async () => ({ default: (await import('./pages-use.ts')).ConnectPage }),
  },
  {
    path: '/ui/playground',
    title: 'Playground',
    nav: { group: 'Use', icon: 'play', jump: 'p' },
    needs: ['model.invoke'],
    load: async () => ({ default: (await import('./pages-use.ts')).PlaygroundPage }),
  },
  {
    path: '/ui/me',
    title: 'My usage',
    nav: { group: 'Use', icon: 'me', jump: 'u' },
    needs: ['usage.self'],
    load: async () => ({ default: (await import('./pages-configure.ts')).MyUsagePage }),
  },
  {
    path: '/ui/requests',
    title: 'Requests',
    nav: { group: 'Observe', icon: 'list', jump: 'r' },
    needs: ['request.read'],
    load: async () => ({ default: (await import('./pages-use.ts')).RequestsPage }),
  },
  {
    path: '/ui/requests/:id',
    title: 'Request',
    needs: ['request.read'],
    load: async () => ({ default: (await import('./pages-use.ts')).RequestPage }),
  },
  {
    path: '/ui/audit',
    title: 'Audit',
    nav: { group: 'Observe', icon: 'audit', jump: 'a' },
    needs: ['audit.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).AuditPage }),
  },
  {
    path: '/ui/models/:name?',
    title: 'Models & routes',
    nav: { group: 'Configure', icon: 'route', jump: 'm' },
    needs: ['model.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).ModelsPage }),
  },
  {
    path: '/ui/guardrails/:id?',
    title: 'Guardrails',
    nav: { group: 'Configure', icon: 'shield', jump: 'g' },
    needs: ['guardrail.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).GuardrailsPage }),
  },
  {
    path: '/ui/providers/:id?',
    title: 'Providers',
    nav: { group: 'Configure', icon: 'cloud', jump: 'v' },
    needs: ['provider.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).ProvidersPage }),
  },
  {
    path: '/ui/keys',
    title: 'Keys',
    nav: { group: 'Configure', icon: 'key', jump: 'k' },
    needs: ['key.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).KeysPage }),
  },
  {
    path: '/ui/limits/:tab?',
    title: 'Limits & budgets',
    nav: { group: 'Configure', icon: 'gauge', jump: 'l' },
    needs: ['limit.read', 'budget.read', 'usage.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).MoneyPage }),
  },
  {
    path: '/ui/people/:tab?',
    title: 'People',
    nav: { group: 'Administer', icon: 'people', jump: 'e' },
    needs: ['user.read', 'group.read', 'team.read', 'service.read', 'role.read', 'assignment.read'],
    load: async () => ({ default: (await import('./pages-configure.ts')).PeoplePage }),
  },
  {
    path: '/ui/settings/:tab?',
    title: 'Settings',
    nav: { group: 'Administer', icon: 'settings', jump: 's' },
    needs: [
      'settings.read',
      'flag.read',
      'content_rule.read',
      'hold.read',
      'erasure.read',
      'cache.read',
    ],
    load: async () => ({ default: (await import('./pages-configure.ts')).SettingsPage }),
  },
]
