// Light, dark, or as the system has it. `early.ts` puts the choice on the page before it is drawn; here it is changed.

import { effect, signal } from '@preact/signals'
import { keep, kept } from './kept.ts'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'weir-theme'

/** What was chosen; `system` follows the machine. */
export const theme = signal<Theme>(stored())

const darkMachine = matchMedia('(prefers-color-scheme: dark)')

/** What is shown now. Charts, which draw their colours once, look at it. */
export const shownTheme = signal<'light' | 'dark'>('light')

effect(() => {
  const { value } = theme
  if (value === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = value
  shownTheme.value = shown()
})
darkMachine.addEventListener('change', () => (shownTheme.value = shown()))

export function chooseTheme(value: Theme): void {
  theme.value = value
  keep('localStorage', KEY, value === 'system' ? undefined : value)
}

function shown(): 'light' | 'dark' {
  const { value } = theme
  if (value !== 'system') return value
  return darkMachine.matches ? 'dark' : 'light'
}

function stored(): Theme {
  const text = kept('localStorage', KEY)
  return text === 'light' || text === 'dark' ? text : 'system'
}
