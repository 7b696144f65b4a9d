// Settings as they would stand in a file: by the schema, without what is there by default, with units, and with a reference in the place of
// every secret. Two things of the same form are the same thing, which is how an import knows what it would change.

import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { childPath } from './lines.ts'
import type { FreeNode, Node, SectionNode } from './node.ts'
import { formatDuration, formatSize } from './units.ts'

/** How values are written. */
export interface FormStyle {
  /** What stands for a secret. @param path below the thing that is written */
  secret(path: string, secret: string): string
  /** For whoever looks for no references in it: texts stay as they are. */
  readonly isRaw?: true
}

/** The members of a section that are not as they would be anyway. */
export function sectionForm(
  node: SectionNode,
  value: unknown,
  style: FormStyle,
  path = '',
): JsonObject {
  const form: Record<string, JsonValue> = {}
  for (const [name, child] of Object.entries(node.keys)) {
    const member = isObject(value) ? value[name] : undefined
    if (child.kind === 'free' && child.rest === true) {
      Object.assign(form, restForm(child, member, value, style, path))
      continue
    }
    const written = nodeForm(child, member, style, childPath(path, name))
    if (written !== undefined) form[name] = written
  }
  return form
}

/** Members that stand beside the keys of their section. */
function restForm(
  node: FreeNode,
  value: unknown,
  section: unknown,
  style: FormStyle,
  path: string,
): JsonObject {
  const secret = (member: JsonValue, at: string): JsonValue => {
    if (typeof member === 'string') return style.secret(at, member)
    if (!isObject(member)) return plain(member, style)
    const entries = Object.entries(member)
    return Object.fromEntries(
      entries.map(([name, inner]) => [name, secret(inner ?? null, childPath(at, name))]),
    )
  }
  const members = Object.entries(isObject(value) ? value : {})
  return Object.fromEntries(
    members.map(([name, member = null]) => [
      name,
      node.isSecret?.(name, section) === true
        ? secret(member, childPath(path, name))
        : plain(member, style),
    ]),
  )
}

function nodeForm(
  node: Node,
  value: unknown,
  style: FormStyle,
  path: string,
): JsonValue | undefined {
  if (value === undefined || value === null) return undefined
  switch (node.kind) {
    case 'section': {
      const form = sectionForm(node, value, style, path)
      // Of an optional one its being there says something.
      return Object.keys(form).length === 0 && node.optional !== true ? undefined : form
    }
    case 'list': {
      const items = (value as readonly unknown[]).map(
        (item, index) => nodeForm(node.item, item, style, childPath(path, index)) ?? {},
      )
      return items.length === 0 && node.optional !== true ? undefined : items
    }
    case 'map':
    case 'free': {
      const entries = Object.entries(value as Record<string, JsonValue>)
      if (entries.length === 0) return undefined
      return Object.fromEntries(
        entries.map(([name, member]) => [
          name,
          node.secret === true && typeof member === 'string'
            ? style.secret(childPath(path, name), member)
            : plain(member, style),
        ]),
      )
    }
    default:
      return leafForm(node, value, style, path)
  }
}

function leafForm(
  node: Exclude<Node, { kind: 'section' | 'list' | 'map' | 'free' }>,
  value: unknown,
  style: FormStyle,
  path: string,
): JsonValue | undefined {
  if (node.required !== true && 'default' in node && node.default === value) return undefined
  if (node.secret === true && typeof value === 'string') return style.secret(path, value)
  if (node.kind === 'duration') return formatDuration(Number(value))
  if (node.kind === 'size') return formatSize(Number(value))
  return plain(value as JsonValue, style)
}

/** A text that looks like a reference is written so that it is none. */
function plain(value: JsonValue, style: FormStyle): JsonValue {
  if (style.isRaw === true) return value
  if (typeof value === 'string') return value.replaceAll('${', () => '$${')
  if (Array.isArray(value)) return value.map((item) => plain(item, style))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, plain(member as JsonValue, style)]),
  )
}

/** JSON as block YAML that any reader takes: names and texts in quotes wherever they could be read as something else. */
export function toYaml(value: JsonObject): string {
  return Object.entries(value)
    .map(([name, member]) => yamlMember(name, member, ''))
    .join('')
}

function yamlMember(name: string, value: JsonValue | undefined, indent: string): string {
  const head = `${indent}${yamlScalar(name)}:`
  if (Array.isArray(value) && value.some(isObject)) {
    return `${head}\n${value.map((item) => yamlItem(item, `${indent}  `)).join('')}`
  }
  if (isObject(value) && Object.keys(value).length > 0) {
    const members = Object.entries(value).map(([key, member]) =>
      yamlMember(key, member as JsonValue, `${indent}  `),
    )
    return `${head}\n${members.join('')}`
  }
  return `${head} ${yamlInline(value)}\n`
}

function yamlItem(item: JsonValue, indent: string): string {
  if (!isObject(item) || Object.keys(item).length === 0) return `${indent}- ${yamlInline(item)}\n`
  const text = Object.entries(item)
    .map(([key, member]) => yamlMember(key, member as JsonValue, `${indent}  `))
    .join('')
  return `${indent}- ${text.slice(indent.length + 2)}`
}

function yamlInline(value: JsonValue | undefined): string {
  if (typeof value === 'string') return yamlScalar(value)
  // JSON is YAML.
  return JSON.stringify(value ?? null)
}

function yamlScalar(text: string): string {
  const isWord = /^[A-Za-z/][A-Za-z0-9_./@+-]*$/.test(text)
  const isTaken = /^(?:true|false|null|yes|no|on|off|y|n|nan|inf)$/i.test(text)
  // `1e5` and `0xA` are numbers.
  const isMeasure = /^\d+(?:\.\d+)?(?!e\d*$|x)[A-Za-z]{1,3}$/i.test(text)
  return (isWord && !isTaken) || isMeasure ? text : JSON.stringify(text)
}
