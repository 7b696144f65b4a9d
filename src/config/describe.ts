// What the schema table says, for editors (JSON Schema, draft 2020-12) and for people (Markdown). Nothing about a key is
// written here: only how its node is put into words.

import type { Node, NumberNode, SectionNode, TextFormat, TextNode } from './node.ts'
import { SCHEMA } from './schema.ts'
import { formatDuration, formatSize } from './units.ts'
import { restOf } from './validate.ts'

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

function describeNode(node: Node): JsonSchema {
  const description = node.doc
  switch (node.kind) {
    case 'section':
      return describeSection(node)
    case 'list': {
      const items = describeNode(node.item)
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
    // Options of a check are known by its kind, not by the section.
    additionalProperties: restOf(node) !== undefined,
    properties: {
      ...Object.fromEntries(entries.map(([name, child]) => [name, describeNode(child)])),
      ...restProperties(node),
    },
    ...(required.length === 0 ? {} : { required }),
  }
}

/** What may stand beside the keys of a section; who knows its type is whoever proves it. */
function restProperties(node: SectionNode): JsonSchema {
  const rest = restOf(node)
  const child = rest === undefined ? undefined : node.keys[rest]
  const members = child?.kind === 'free' ? child.members : undefined
  return Object.fromEntries(
    Object.entries(members ?? {}).map(([name, description]) => [name, { description }]),
  )
}

function visible(node: SectionNode): [string, Node][] {
  return Object.entries(node.keys).filter(
    ([, child]) => !(child.kind === 'free' && child.rest === true),
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

/** What stands above the reference: where the file is looked for and what is in force of it. */
const INTRODUCTION = `# Configuration

All of it is optional. The file is \`weir.yaml\` (or \`.json\`, \`.toml\`), found through \`--config\`, \`WEIR_CONFIG\`, the working directory
or the user's configuration folder, in this order. It is watched: a change is in force at once where that is possible, and a broken edit
is refused while the running configuration stays. \`\${NAME}\` in a value reads the environment, \`\${file:path}\` a file.

\`weir config check\` tells every problem with its line, \`weir config show\` what is in force and where it comes from, and
\`weir config schema\` prints a JSON Schema for editors. This page is made from the same table that the program checks files with.
`

const VARIABLES = `## Variables

What the environment says stands above the file, and what the command line says above both. An empty variable counts as none.

| variable | what |
|---|---|
| \`WEIR_CONFIG\` | The configuration file, as \`--config\`. |
| \`WEIR_DATA\` | The data folder, as \`--data\`. |
| \`WEIR_HOST\`, \`WEIR_PORT\` | \`server.host\`, \`server.port\`. |
| \`WEIR_MASTER_KEY\` | \`secrets.master_key\` ([secrets](secrets.md)). |
| \`WEIR_LOG_LEVEL\` | \`log.level\`. |
| \`WEIR_NO_ENV_PROVIDERS\` | With \`1\` no provider is found that is not declared, as with \`discovery\`. |
| \`RATE_LIMIT_GLOBAL_RPM\`, \`RATE_LIMIT_PER_KEY_RPM\`, \`RATE_LIMIT_PER_IP_RPM\` | Each adds one limit of requests in a minute ([limits](limits.md)). |
| \`WEIR_ADMIN_KEY\` | The API key by which \`weir route\` and \`weir cache\` ask a running server that wants one. |
| \`NO_COLOR\` | Commands write without colours. |

The variables by which providers are found stand with [each type of provider](providers.md#each-type). Proxy and certificate variables
(\`HTTPS_PROXY\`, \`SSL_CERT_FILE\`, \`NODE_TLS_REJECT_UNAUTHORIZED\` …) are not obeyed; [network](network.md) has the settings in their place.
`

/** The reference for people: one table per section, in the order of the schema. */
export function describeMarkdown(): string {
  const parts: string[] = [INTRODUCTION]
  for (const [name, node] of visible(SCHEMA)) {
    const section = node.kind === 'list' ? node.item : node
    if (section.kind !== 'section') continue
    const title = node.kind === 'list' ? `${name}[]` : name
    parts.push(`## \`${title}\`\n\n${node.doc}\n`)
    parts.push('| key | type | default | meaning |\n|---|---|---|---|')
    parts.push(`${rows(section, '').join('\n')}\n`)
  }
  parts.push(VARIABLES)
  return parts.join('\n')
}

function rows(section: SectionNode, prefix: string): string[] {
  const rest = restOf(section)
  const others = rest === undefined ? [] : [restRow(section.keys[rest]!, prefix)]
  const named = visible(section).flatMap(([name, node]) => {
    const key = `${prefix}${name}`
    if (node.kind === 'section') return rows(node, `${key}.`)
    if (node.kind === 'list' && node.item.kind === 'section') {
      return [row(key, node), ...rows(node.item, `${key}[].`)]
    }
    return [row(key, node)]
  })
  return [...named, ...others]
}

/** Keys that are not the section's own. */
function restRow({ doc }: Node, prefix: string): string {
  return `| \`${prefix}…\` | any keys |  | ${doc} |`
}

function row(key: string, node: Exclude<Node, SectionNode>): string {
  const cells = [`\`${key}\``, typeText(node), defaultText(node), node.doc]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function typeText(node: Node): string {
  switch (node.kind) {
    case 'choice':
      return node.values.map((value) => `\`${value}\``).join(' ')
    case 'list':
      return node.item.kind === 'section' ? 'list' : `list of ${typeText(node.item)}`
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

function defaultText(node: Exclude<Node, SectionNode>): string {
  if (node.required === true) return '**required**'
  if ('default' in node && node.default !== undefined) {
    const value = typeof node.default === 'number' ? formatNumber(node, node.default) : node.default
    return `\`${value}\``
  }
  return node.absent ?? ''
}
