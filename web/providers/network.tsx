// How a provider is reached, as fields: proxy, certificates, versions of TLS, and whether it may stand inside. Turning checks off is warned of
// where it is done.

import { Field, Input, Select, Textarea } from '../components/field.tsx'
import { ChipsInput } from '../components/inputs.tsx'
import { Notice } from '../components/notice.tsx'
import { KEPT, type Draft } from './draft.ts'
import type { PartProps } from './sections.tsx'

const TRUTHS = [
  { value: 'default', label: 'as set for all' },
  { value: 'true', label: 'yes' },
  { value: 'false', label: 'no' },
] as const

type Truth = (typeof TRUTHS)[number]['value']

const truthOf = (value: boolean | null): Truth =>
  value === null ? 'default' : value ? 'true' : 'false'
const ofTruth = (text: Truth) => (text === 'default' ? null : text === 'true')

export function NetworkFields({ draft: { network }, set }: PartProps) {
  const change = (over: Partial<Draft['network']>) => set('network', { ...network, ...over })
  const text = (name: 'proxy' | 'ca' | 'cert' | 'key' | 'key_passphrase') => ({
    value: network[name] ?? '',
    onValue: (next: string) => change({ [name]: next === '' ? null : next }),
  })
  return (
    <>
      <Field
        name="network.proxy"
        label="Proxy"
        hint={`http://user:password@host:port. ${KEPT} stands for the password that stays.`}
      >
        <Input {...text('proxy')} spellcheck={false} />
      </Field>
      <Field
        name="network.no_proxy"
        label="Hosts without the proxy"
        hint="Names, .domain, addresses, blocks."
      >
        <ChipsInput
          value={network.no_proxy ?? []}
          onValue={(hosts) => change({ no_proxy: hosts.length === 0 ? null : [...hosts] })}
        />
      </Field>
      <div class="grid-3">
        <Field name="network.verify" label="Check certificates" required>
          <Select
            value={truthOf(network.verify)}
            options={TRUTHS}
            onValue={(next) => change({ verify: ofTruth(next) })}
          />
        </Field>
        <Field name="network.min_tls_version" label="Oldest TLS" required>
          <Select
            value={network.min_tls_version ?? 'default'}
            options={[
              { value: 'default', label: 'as set for all' },
              { value: '1.2', label: '1.2' },
              { value: '1.3', label: '1.3' },
            ]}
            onValue={(next) => change({ min_tls_version: next === 'default' ? null : next })}
          />
        </Field>
        <Field
          name="network.allow_private"
          label="May stand inside"
          required
          hint="At a private address."
        >
          <Select
            value={truthOf(network.allow_private)}
            options={TRUTHS}
            onValue={(next) => change({ allow_private: ofTruth(next) })}
          />
        </Field>
      </div>
      {network.verify === false && (
        <Notice tone="warn" title="Certificates are not checked">
          Whoever is on the way can read keys and prompts. Name the authority below instead.
        </Notice>
      )}
      <Field name="network.ca" label="Authorities trusted besides the usual ones" hint="PEM.">
        <Textarea {...text('ca')} mono rows={3} placeholder="-----BEGIN CERTIFICATE-----" />
      </Field>
      <div class="grid-2">
        <Field name="network.cert" label="Client certificate" hint="PEM, with its intermediates.">
          <Textarea {...text('cert')} mono rows={3} placeholder="-----BEGIN CERTIFICATE-----" />
        </Field>
        <Field name="network.key" label="Its key" hint={`PEM. ${KEPT}: it stays as it is.`}>
          <Textarea {...text('key')} mono rows={3} placeholder="-----BEGIN PRIVATE KEY-----" />
        </Field>
      </div>
      <Field
        name="network.key_passphrase"
        label="Passphrase of the key"
        hint="Where it is encrypted."
      >
        <Input {...text('key_passphrase')} type="password" autocomplete="new-password" />
      </Field>
    </>
  )
}
