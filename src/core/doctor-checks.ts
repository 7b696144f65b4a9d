// Every check of `weir doctor` by its name: the id that programs see, and what it looks at. `docs/doctor.md` is made of it, and a test holds
// that no step runs which is not here.

export interface DoctorCheck {
  /** What is looked at, in a sentence. */
  readonly looks: string
  /** What makes it fail or warn. */
  readonly tells: string
}

/** Of this machine, in the order in which they run. */
export const MACHINE_CHECKS: Readonly<Record<string, DoctorCheck>> = {
  version: { looks: 'Which Weir this is, on what.', tells: 'Nothing; it is for reports.' },
  configuration: {
    looks: 'The file, the environment and the flags, as a start reads them.',
    tells:
      'Fails where a start would; warns of variables that cannot be used, and of types of providers this version does not support.',
  },
  'data folder': {
    looks: 'Where data lies.',
    tells: 'Fails where it cannot be written to; warns when less than 1 GiB is free.',
  },
  permissions: {
    looks:
      'Modes of the data folder, the databases, key files, and of the configuration file where a secret stands in it in clear.',
    tells:
      'Fails where a database cannot be written; warns where others of the machine can read or replace what is secret.',
  },
  store: {
    looks:
      'SQLite: both files, their schema, their integrity. Postgres: its address, version, schema, rights, clock and connections.',
    tells:
      'Fails where it cannot be used; warns of a schema that is behind, of a read-only or crowded server.',
  },
  'log room': {
    looks: 'The size of the request log against `log.max_size` and the disk.',
    tells:
      'Warns when the disk is full before the bound is reached, or nothing bounds a log of more than 1 GiB.',
  },
  'master key': {
    looks: 'The key that stored secrets are sealed with.',
    tells: 'Fails where it is missing, readable by others, or another one.',
  },
  address: {
    looks: 'Where Weir listens or would.',
    tells:
      'Fails where another program listens, or this user may not; warns of a Weir there that is not ready.',
  },
  connections: {
    looks: 'How many files may be open, and how many requests may run at once.',
    tells: 'Warns below 4096 open files.',
  },
  'proxy variables': {
    looks: '`HTTPS_PROXY` and its kin.',
    tells: 'Warns where one is set and no `network.proxy` is: Weir obeys its configuration alone.',
  },
  'trust variables': {
    looks: '`SSL_CERT_FILE` and its kin.',
    tells: 'Warns where one is set and no `network.ca_file` is.',
  },
  'certificate files': {
    looks: 'Client certificates and authorities in files.',
    tells: 'Fails where one has ended or cannot be read; warns two weeks before.',
  },
  redis: {
    looks: '`redis.url`.',
    tells: 'Fails where it does not answer, or refuses the password.',
  },
  telemetry: {
    looks: 'Where traces and exports go.',
    tells: 'Fails where one does not answer, or refuses the credential.',
  },
  clickhouse: {
    looks: '`clickhouse.url`.',
    tells: 'Fails where it does not answer, or refuses the user.',
  },
  bucket: {
    looks: '`content_store.s3`.',
    tells: 'Fails where there are no credentials, it does not answer, or it refuses.',
  },
  keys: {
    looks: 'API keys, and who is let in without one.',
    tells:
      'Fails where nobody could get in; warns where only people who log in can, of keys that end within two weeks, and of a proxy on this machine that would be believed to be this machine.',
  },
  models: {
    looks: 'Aliases, their targets and fallbacks.',
    tells:
      'Fails for an alias none of whose providers is there; warns of targets and fallbacks that lead nowhere.',
  },
  rules: {
    looks: 'Limits and budgets.',
    tells: 'Warns of those that let nothing through, and of those that concern nothing there is.',
  },
  guardrail: {
    looks: 'Each guardrail that is on, asked about one harmless text.',
    tells: 'Fails where its service does not answer, or the rule cannot be used.',
  },
  clock: {
    looks: 'This machine’s clock against the `Date` of providers’ answers.',
    tells: 'Warns beyond five minutes; fails where requests are signed by the clock.',
  },
}

/** Of each provider, in the order of the way; the first that fails ends it. */
export const PROVIDER_CHECKS: Readonly<Record<string, DoctorCheck>> = {
  settings: {
    looks: 'What the provider is declared with.',
    tells: 'Fails where it has no key it needs, or its files cannot be read.',
  },
  dns: { looks: 'Its name, or that of its proxy.', tells: 'Fails where nobody knows the name.' },
  address: {
    looks: 'Where the name leads.',
    tells: 'Fails for addresses that may not be connected to.',
  },
  proxy: { looks: '`network.proxy`.', tells: 'Fails where the proxy refuses, or is none.' },
  tcp: { looks: 'A connection.', tells: 'Fails where nothing listens or a firewall drops it.' },
  tls: { looks: 'The handshake.', tells: 'Fails where there is no TLS, or none new enough.' },
  certificate: {
    looks: 'What the server shows.',
    tells:
      'Fails where it does not verify, and says whether somebody looks inside; warns two weeks before its end.',
  },
  'client certificate': {
    looks: '`network.cert_file`.',
    tells: 'Fails where the server refuses it; warns two weeks before its end.',
  },
  token: { looks: 'A token of Entra ID.', tells: 'Fails where the application gets none.' },
  key: { looks: 'Each key.', tells: 'Fails for one that is refused; a draining one only warns.' },
  'model list': {
    looks: 'The provider’s list of models against the aliases that lead to it.',
    tells: 'Fails where a target is not in the list, with the name that was meant.',
  },
  'one token': {
    looks: 'One tiny answer, where that is free or asked for.',
    tells: 'Fails where there is no answer.',
  },
}

/** The id of a check, as `--json` has it: `data-folder`; of a provider’s `provider-tls`. */
export function checkId(name: string, isMachine: boolean): string {
  const word = name.replaceAll(' ', '-')
  return isMachine ? word : `provider-${word}`
}
