// The part of the schema table that describes a ClickHouse beside the store. Apart from `schema.ts` only because of its length.

import type { SectionNode } from './node.ts'
import { NETWORK } from './schema-network.ts'

const HOUR = 3_600_000

export const CLICKHOUSE = {
  kind: 'section',
  doc: 'A ClickHouse that every request is sent to as well, for logs beyond what the store is good for. Bodies never are. The store goes on keeping its own log, which may then be short.',
  synonyms: { endpoint: 'url', username: 'user', db: 'database' },
  keys: {
    url: {
      kind: 'text',
      format: 'base-url',
      doc: 'Its HTTP interface, such as `http://127.0.0.1:8123`.',
      absent: 'nothing is sent',
    },
    database: {
      kind: 'text',
      format: 'id',
      doc: 'A database that exists.',
      default: 'default',
      maxChars: 100,
    },
    table: {
      kind: 'text',
      format: 'id',
      doc: 'Table of the requests; made where there is none.',
      default: 'weir_requests',
      maxChars: 100,
    },
    user: {
      kind: 'text',
      format: 'header-value',
      doc: 'Who writes and reads.',
      default: 'default',
      maxChars: 200,
    },
    password: {
      kind: 'text',
      format: 'header-value',
      doc: 'Their password.',
      absent: 'none',
      secret: true,
      maxChars: 1_000,
    },
    read: {
      kind: 'boolean',
      doc: 'Ask it for the pages, counts and charts of requests and for reports of usage, in place of the store. The live tail, content and reconciliation stay with the store.',
      default: false,
    },
    retention: {
      kind: 'duration',
      doc: 'Whole months are dropped there when their last request is older.',
      absent: 'kept for ever',
      min: 24 * HOUR,
      max: 36_500 * 24 * HOUR,
    },
    network: {
      ...NETWORK,
      doc: 'How to reach it, where that differs from `network`.',
    },
  },
} as const satisfies SectionNode
