// Models, guardrails, providers, keys, money, people, settings and the audit log, loaded together: pages of a kind share most of their code, and
// packed as one file they are a good deal smaller than as many. This file names them and does nothing else.

export { default as AuditPage } from './audit/page.tsx'
export { default as GuardrailsPage } from './guardrails/page.tsx'
export { default as KeysPage } from './api-keys/page.tsx'
export { default as ModelsPage } from './models/page.tsx'
export { default as MoneyPage } from './money/page.tsx'
export { default as MyUsagePage } from './money/me-page.tsx'
export { default as PeoplePage } from './people/page.tsx'
export { default as ProvidersPage } from './providers/page.tsx'
export { default as SettingsPage } from './settings/page.tsx'
