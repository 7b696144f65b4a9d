// What the schema table says, for editors (JSON Schema, draft 2020-12) and for people (Markdown). Nothing about a key is
// written here: only how its node is put into words.

import type { LaterNode, Node, NumberNode, SectionNode, TextFormat, TextNode } from './node.ts'
import { SCHEMA } from './schema.ts'
import { formatDuration, formatSize } from './units.ts'

type JsonSchema = { readonly [key: string]: unknown }

/** A text that holds a reference stands for any value; what it becomes is checked when it is read. */
const REFERENCE: JsonSchema = { type: 'string', pattern: '\\$\\{[^}]*\\}' }

const PATTERNS: Readonly<Partial<Record<TextFormat, string>>> = {
  id: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  'public-url': '^https?://',
  'base-url': '^https?://',
  'hook-url': '^https?://',
  'proxy-url': '^https?://',
  'storage-url': '^sqlite:',
}

/** The schema for editors: descriptions, defaults, choices, bounds; keys that do not exist are marked. */
export function describeJsonSchema(): JsonSchema {
  const root = describeNode(SCHEMA)
  const properties = { $schema: { type: 'string' }, ...(root['properties'] as JsonSchema) }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Weir configuration',
    ...root,
    properties,
  }
}

function describeNode(node: Exclude<Node, LaterNode>): JsonSchema {
  const description = node.doc
  switch (node.kind) {
    case 'section':
      return describeSection(node)
    case 'list': {
      const items = node.item.kind === 'later' ? {} : describeNode(node.item)
      const minItems = node.minItems === undefined ? {} : { minItems: node.minItems }
      return { description, type: ['array', 'null'], items, ...minItems }
    }
    case 'map':
      return { description, type: ['object', 'null'], additionalProperties: { type: 'string' } }
    case 'free':
      return { description, type: ['object', 'null'] }
    case 'text':
      return { description, ...withDefault(node), ...describeText(node) }
    case 'choice':
      return withReference(description, withDefault(node), { enum: node.values })
    case 'boolean':
      return withReference(description, withDefault(node), { type: 'boolean' })
    case 'integer':
    case 'number': {
      const bounds = { minimum: node.min, maximum: node.max }
      return withReference(description, withDefault(node), { type: node.kind, ...bounds })
    }
    case 'duration':
    case 'size': {
      const units = node.kind === 'duration' ? 'ms|s|m|h|d' : 'B|k?B|[KMG]i?B'
      const pattern = `^\\d+(\\.\\d+)? ?(${units})$`
      const given = node.default === undefined ? {} : { default: formatNumber(node, node.default) }
      return withReference(description, given, { type: 'string', pattern })
    }
  }
}

function describeSection(node: SectionNode): JsonSchema {
  const entries = visible(node)
  const required = entries
    .filter(([, child]) => 'required' in child && child.required === true)
    .map(([name]) => name)
  return {
    description: node.doc,
    type: ['object', 'null'],
    additionalProperties: false,
    properties: Object.fromEntries(entries.map(([name, child]) => [name, describeNode(child)])),
    ...(required.length === 0 ? {} : { required }),
  }
}

function visible(node: SectionNode): [string, Exclude<Node, LaterNode>][] {
  return Object.entries(node.keys).filter(
    (entry): entry is [string, Exclude<Node, LaterNode>] => entry[1].kind !== 'later',
  )
}

function describeText(node: TextNode): JsonSchema {
  const pattern = PATTERNS[node.format]
  const length = {
    minLength: node.minChars ?? 1,
    ...(node.maxChars === undefined ? {} : { maxLength: node.maxChars }),
  }
  const plain = { type: 'string', ...length, ...(pattern === undefined ? {} : { pattern }) }
  return { anyOf: [plain, REFERENCE] }
}

function withReference(description: string, given: JsonSchema, type: JsonSchema): JsonSchema {
  return { description, ...given, anyOf: [type, REFERENCE] }
}

function withDefault(node: { readonly default?: string | number | boolean }): JsonSchema {
  return node.default === undefined ? {} : { default: node.default }
}

function formatNumber(node: NumberNode, value: number): string {
  if (node.kind === 'duration') return formatDuration(value)
  return node.kind === 'size' ? formatSize(value) : String(value)
}

/** The reference for people: one table per section, in the order of the schema. */
export function describeMarkdown(): string {
  const parts: string[] = []
  for (const [name, node] of visible(SCHEMA)) {
    const section = node.kind === 'list' ? node.item : node
    if (section.kind !== 'section') continue
    const title = node.kind === 'list' ? `${name}[]` : name
    parts.push(`### \`${title}\`\n\n${node.doc}\n`)
    parts.push('| key | type | default | meaning |\n|---|---|---|---|')
    parts.push(`${rows(section, '').join('\n')}\n`)
  }
  return parts.join('\n')
}

function rows(section: SectionNode, prefix: string): string[] {
  return visible(section).flatMap(([name, node]) => {
    const key = `${prefix}${name}`
    if (node.kind === 'section') return rows(node, `${key}.`)
    if (node.kind === 'list' && node.item.kind === 'section') {
      return [row(key, node), ...rows(node.item, `${key}[].`)]
    }
    return [row(key, node)]
  })
}

function row(key: string, node: Exclude<Node, LaterNode | SectionNode>): string {
  const cells = [`\`${key}\``, typeText(node), defaultText(node), node.doc]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function typeText(node: Exclude<Node, LaterNode>): string {
  switch (node.kind) {
    case 'choice':
      return node.values.map((value) => `\`${value}\``).join(' ')
    case 'list':
      return node.item.kind === 'section' || node.item.kind === 'later'
        ? 'list'
        : `list of ${typeText(node.item)}`
    case 'integer':
    case 'number':
      return node.unit ?? (node.kind === 'integer' ? 'whole number' : 'number')
    case 'map':
      return 'names and texts'
    case 'free':
      return 'any keys'
    default:
      return node.kind
  }
}

function defaultText(node: Exclude<Node, LaterNode | SectionNode>): string {
  if (node.required === true) return '**required**'
  if ('default' in node && node.default !== undefined) {
    const value = typeof node.default === 'number' ? formatNumber(node, node.default) : node.default
    return `\`${value}\``
  }
  return node.absent ?? ''
}
