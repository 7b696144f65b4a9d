// Every setting by section, searched as one types: its value, where that comes from, and whether it can be changed here or why not.

import { useSignal } from '@preact/signals'
import { Badge } from '../components/badge.tsx'
import { Button } from '../components/button.tsx'
import { Panel, SearchInput, Toolbar } from '../components/page.tsx'
import { EmptyState, Loaded } from '../components/states.tsx'
import { useQuery } from '../query.ts'
import { param, setParams } from '../router.tsx'
import { canEverywhere } from '../session.ts'
import { Checkbox } from '../components/field.tsx'
import { EditSetting } from './edit-setting.tsx'
import { settingsOf, type Setting, type SettingsList } from './settings-api.ts'
import { valueText } from './words.ts'

const TITLES: Readonly<Record<string, string>> = {
  server: 'Server',
  storage: 'Storage',
  secrets: 'Secrets',
  auth: 'Login and access',
  discovery: 'Discovery',
  network: 'Network',
  redis: 'Redis',
  log: 'Log',
  budget_leases: 'Budgets on several replicas',
}

export function ListTab() {
  const text = param('q') ?? ''
  const isNarrow = param('mine') !== undefined
  const editing = useSignal<Setting | undefined>(undefined)
  const query = useQuery('settings', settingsOf)
  return (
    <div class="stack">
      <Toolbar>
        <SearchInput
          label="Find a setting"
          value={text}
          onValue={(value) => setParams({ q: value === '' ? undefined : value })}
        />
        <Checkbox
          label="Only what can be changed here"
          value={isNarrow}
          onValue={(value) => setParams({ mine: value ? '1' : undefined })}
        />
      </Toolbar>
      <Loaded query={query}>
        {(list) => (
          <>
            <Sections
              list={list}
              text={text}
              isNarrow={isNarrow}
              onEdit={(setting) => (editing.value = setting)}
            />
            {editing.value !== undefined && (
              <EditSetting
                setting={editing.value}
                seen={list}
                onClose={() => (editing.value = undefined)}
              />
            )}
          </>
        )}
      </Loaded>
    </div>
  )
}

interface SectionsProps {
  readonly list: SettingsList
  readonly text: string
  readonly isNarrow: boolean
  readonly onEdit: (setting: Setting) => void
}

function Sections({ isNarrow, list, onEdit, text }: SectionsProps) {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const fits = (setting: Setting) => {
    const all = `${setting.path} ${setting.doc} ${valueText(setting.value)}`.toLowerCase()
    return words.every((word) => all.includes(word)) && (!isNarrow || setting.read_only === null)
  }
  const found = list.data.filter(fits)
  const sections = [...new Set(found.map(({ section }) => section))]
  if (found.length === 0) {
    return (
      <EmptyState icon="settings" title="No setting fits">
        Search for another word, such as log or timeout.
      </EmptyState>
    )
  }
  return (
    <>
      {sections.map((section) => (
        <Panel key={section} title={TITLES[section] ?? section}>
          <ul class="settings-list plain-list">
            {found
              .filter((setting) => setting.section === section)
              .map((setting) => (
                <Row key={setting.path} setting={setting} onEdit={onEdit} />
              ))}
          </ul>
        </Panel>
      ))}
    </>
  )
}

const ORIGINS: Readonly<Record<Setting['origin'], string>> = {
  default: 'default',
  file: 'file',
  environment: 'environment',
  flag: 'command line',
  'built-in': 'built in',
  store: 'changed here',
}

function Row({ onEdit, setting }: { setting: Setting; onEdit: (setting: Setting) => void }) {
  const { absent, doc, origin, path, read_only: reason, restart, value } = setting
  const mayWrite = canEverywhere('settings.write')
  return (
    <li class="setting">
      <div class="setting-words">
        <h3>
          <code>{path}</code>
        </h3>
        <p class="soft">{doc.replaceAll('`', '')}</p>
        {reason !== null && <p class="setting-reason soft">{reason}</p>}
      </div>
      <div class="setting-value">
        <span class="setting-text">
          {value === null ? <span class="soft">{absent ?? 'not set'}</span> : valueText(value)}
        </span>
        <span class="row">
          {origin !== 'default' && (
            <Badge tone={origin === 'store' ? 'info' : 'neutral'}>{ORIGINS[origin]}</Badge>
          )}
          {restart && reason === null && <Badge tone="warn">at the next start</Badge>}
          {reason === null && mayWrite && (
            <Button
              size="small"
              icon="edit"
              aria-label={`Change ${path}`}
              onClick={() => onEdit(setting)}
            >
              Change
            </Button>
          )}
        </span>
      </div>
    </li>
  )
}
