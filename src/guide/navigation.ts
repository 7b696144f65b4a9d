// The one table of what the guide holds and in which order: every page of `docs/` stands here once, under the name it has in the side
// navigation. `guide.test.ts` holds it against the folder; it knows names of files and nothing of what is in them.

/** A heading of the side navigation with its pages. */
export interface NavigationGroup {
  readonly title: string
  /** Name of the file in `docs/` without `.md`, and what it is called in the navigation. */
  readonly pages: readonly (readonly [name: string, label: string])[]
}

export const NAVIGATION: readonly NavigationGroup[] = [
  {
    title: 'Start',
    pages: [
      ['index', 'Welcome'],
      ['install', 'Install'],
      ['quick-start', 'Quick start'],
      ['concepts', 'Concepts'],
      ['clients', 'Tools and SDKs'],
      ['migrating', 'Coming from elsewhere'],
    ],
  },
  {
    title: 'Use',
    pages: [
      ['ui', 'The web UI'],
      ['providers', 'Providers'],
      ['routing', 'Models and routing'],
      ['losses', 'Between protocols'],
      ['operations', 'Beyond chat'],
      ['caching', 'Response cache'],
      ['guardrails', 'Guardrails'],
      ['limits', 'Limits'],
      ['budgets', 'Prices and budgets'],
    ],
  },
  {
    title: 'Operate',
    pages: [
      ['operating', 'Day to day'],
      ['desktop', 'On the desktop'],
      ['containers', 'Containers'],
      ['kubernetes', 'Kubernetes'],
      ['team', 'For a team'],
      ['scaling', 'Past one machine'],
      ['network', 'Corporate networks'],
      ['monitoring', 'Monitoring'],
      ['content-and-retention', 'Content and retention'],
      ['clickhouse', 'ClickHouse'],
      ['feature-flags', 'Feature flags'],
      ['upgrading', 'Upgrade and backup'],
      ['doctor', 'Doctor'],
      ['resilience', 'Faults'],
      ['load', 'Load and soak'],
    ],
  },
  {
    title: 'Secure',
    pages: [
      ['security-model', 'Security model'],
      ['authorization', 'Who may do what'],
      ['keycloak', 'Keycloak'],
      ['entra-id', 'Microsoft Entra ID'],
      ['secrets', 'Stored secrets'],
      ['audit', 'Audit'],
    ],
  },
  {
    title: 'Reference',
    pages: [
      ['configuration', 'Configuration'],
      ['commands', 'Commands'],
      ['api', 'The API'],
      ['admin-api', 'Management API'],
      ['errors', 'Errors'],
    ],
  },
  {
    title: 'Extend',
    pages: [
      ['extending', 'Add a provider'],
      ['adding-a-protocol', 'Add a protocol'],
    ],
  },
  {
    title: 'Decisions',
    pages: [
      ['decisions/index', 'All decisions'],
      ['decisions/relay', 'Relay first'],
      ['decisions/memory', 'What is kept'],
      ['decisions/mistral', 'Mistral'],
      ['decisions/openapi', 'OpenAPI'],
      ['decisions/logging', 'Logging'],
      ['decisions/connection-limit', '256 requests'],
      ['decisions/windows-service', 'The Windows service'],
      ['decisions/dependencies', 'Dependencies'],
    ],
  },
]
