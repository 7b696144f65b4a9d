// Settings by their paths: the node of the schema that a path leads to, and every setting as it is in force, for people. Secrets are masked
// here and nowhere behind it.

import type { SettingValues } from '../core/ports.ts'
import type { ConfigSource } from './config.ts'
import { childPath } from './lines.ts'
import type { Node, SectionNode } from './node.ts'
import { SCHEMA } from './schema.ts'
import { writtenValue } from './show.ts'
import { formatDuration, formatSize } from './units.ts'
import type { SettingOrigin } from './validate.ts'

/** Parts of the configuration that have lists, and pages, of their own. */
const LISTED: ReadonlySet<string> = new Set([
  'providers',
  'models',
  'keys',
  'limits',
  'budgets',
  'guardrails',
  'flags',
])

type Leaf = Exclude<Node, SectionNode>

/** A setting as it is in force. */
export interface SettingView {
  readonly path: string
  readonly section: string
  /** As it would be written in the file; a secret is masked. Null where it is not set. */
  readonly value: unknown
  readonly default: unknown
  readonly kind:
    | 'text'
    | 'integer'
    | 'number'
    | 'duration'
    | 'size'
    | 'boolean'
    | 'choice'
    | 'list'
    | 'map'
    | 'free'
  readonly unit: string | null
  readonly choices: readonly string[] | null
  /** Bounds, as they would be written. */
  readonly min: string | number | null
  readonly max: string | number | null
  readonly doc: string
  /** What happens where it is not set. */
  readonly absent: string | null
  readonly secret: boolean
  readonly origin: SettingOrigin | 'store'
}

/** The node that a path of names leads to; undefined where there is none. */
export function nodeAt(path: string): Node | undefined {
  let node: Node | undefined = SCHEMA
  for (const name of path.split('.')) {
    node = node?.kind === 'section' && Object.hasOwn(node.keys, name) ? node.keys[name] : undefined
  }
  return node
}

/** The member of an object by its name. */
export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}

/** Every setting but the lists that are managed elsewhere, in the order of the schema. */
export function viewSettings(source: ConfigSource, stored: SettingValues): SettingView[] {
  const views: SettingView[] = []
  const walk = (node: Node, value: unknown, path: string, section: string) => {
    if (node.kind === 'section') {
      for (const [name, child] of Object.entries(node.keys)) {
        if (path === '' && LISTED.has(name)) continue
        walk(child, memberOf(value, name), childPath(path, name), path === '' ? name : section)
      }
      return
    }
    if (node.kind === 'list' && node.item.kind === 'section') {
      for (const [index, item] of (Array.isArray(value) ? value : []).entries()) {
        walk(node.item, item, childPath(path, index), section)
      }
      return
    }
    views.push(viewOf(node, value, path, section, source, stored))
  }
  walk(SCHEMA, source.settings, '', '')
  return views
}

function viewOf(
  node: Leaf,
  value: unknown,
  path: string,
  section: string,
  source: ConfigSource,
  stored: SettingValues,
): SettingView {
  const declared = source.origins.get(path)
  const isStored = declared === undefined && stored[path] !== undefined
  const shown = isStored ? stored[path] : value === undefined ? null : writtenValue(node, value)
  const isBounded = 'min' in node
  return {
    path,
    section,
    value: shown,
    default:
      'default' in node && node.default !== undefined ? writtenValue(node, node.default) : null,
    kind: node.kind,
    unit: 'unit' in node ? (node.unit ?? null) : null,
    choices: node.kind === 'choice' ? node.values : null,
    min: isBounded ? boundOf(node.kind, node.min) : null,
    max: isBounded ? boundOf(node.kind, node.max) : null,
    doc: node.doc,
    absent: node.absent ?? null,
    secret: node.secret === true,
    origin: declared ?? (isStored ? 'store' : 'default'),
  }
}

function boundOf(kind: Leaf['kind'], value: number): string | number {
  if (kind === 'duration') return formatDuration(value)
  return kind === 'size' ? formatSize(value) : value
}
