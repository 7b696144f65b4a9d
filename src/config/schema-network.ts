// The part of the schema table that says how providers are reached: once for all of them, and again where one differs. Apart from
// `schema.ts` only because both levels share it; the rules are the same.

import type { SectionNode } from './node.ts'

const KEYS = {
  proxy: {
    kind: 'text',
    format: 'proxy-url',
    doc: 'Forward proxy, `http://user:password@host:port` or `https://…`.',
    secret: true,
  },
  no_proxy: {
    kind: 'list',
    doc: 'Hosts reached without the proxy: a name stands for itself and all below it (`.name` and `*.name` are the same), addresses, blocks, each with or without `:port`; `*` is all. A name is not resolved for it.',
    optional: true,
    item: { kind: 'text', format: 'no-proxy', doc: 'A host.', maxChars: 255 },
  },
  ca_file: {
    kind: 'text',
    format: 'file',
    doc: 'PEM file of certificate authorities trusted beside the usual ones. This and the other files are read again when they change.',
  },
  cert_file: {
    kind: 'text',
    format: 'file',
    doc: 'PEM file of the client certificate; needs `key_file`.',
  },
  key_file: {
    kind: 'text',
    format: 'file',
    doc: "PEM file of the client certificate's key; needs `cert_file`.",
  },
  key_passphrase: {
    kind: 'text',
    format: 'header-value',
    doc: 'Opens an encrypted `key_file`.',
    secret: true,
    maxChars: 4_096,
  },
  verify: {
    kind: 'boolean',
    doc: '`false` accepts any certificate; the start warns of it.',
    absent: 'true',
  },
  min_tls_version: {
    kind: 'choice',
    doc: 'Oldest version of TLS that is spoken.',
    values: ['1.2', '1.3'],
    absent: '1.2',
  },
  allow_private: {
    kind: 'boolean',
    doc: 'Whether loopback and private addresses may be connected to. Metadata services never may.',
    absent: 'true; false for providers of the store on a server that listens on more than loopback',
  },
} as const

/** How one provider is reached. */
export const NETWORK = {
  kind: 'section',
  doc: 'How to reach the provider, where that differs from `network`. Proxy variables of the environment are not used.',
  synonyms: { ca: 'ca_file', cert: 'cert_file', key: 'key_file', passphrase: 'key_passphrase' },
  keys: KEYS,
} as const satisfies SectionNode

/** How every provider is reached. */
export const COMMON_NETWORK = {
  ...NETWORK,
  doc: 'How to reach every provider that says nothing else; a server on this machine is asked without this proxy. Proxy variables of the environment are not used.',
} as const satisfies SectionNode
