// What the page of settings asks for.

import { api, unwrap } from '../api.ts'

interface Options {
  readonly signal?: AbortSignal
}

export function settingsOf(options: Options) {
  return unwrap(api.settings.get({ fetch: options }))
}

export type SettingsList = Awaited<ReturnType<typeof settingsOf>>
export type Setting = SettingsList['data'][number]

export function aboutOf(options: Options) {
  return unwrap(api.about.get({ fetch: options }))
}

export function secretsOf(options: Options) {
  return unwrap(api.secrets.get({ fetch: options }))
}

export type ImportBody = Parameters<typeof api.config.import.post>[0]

export function importing(body: ImportBody) {
  return unwrap(api.config.import.post(body))
}

export type ImportReport = Awaited<ReturnType<typeof importing>>
