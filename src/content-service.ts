// Content of requests put together: the policy in force, what makes bodies ready for the log, the bucket they may lie in, and erasures. It
// joins the gateway's question to the storage and the detectors; none of them knows the others.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config/config.ts'
import { ContentThread } from './content-thread.ts'
import type { AwsCredentials } from './core/aws.ts'
import {
  ContentRules,
  type ContentAsker,
  type ContentPolicy,
  type ContentRule,
  type ContentStoreSettings,
  type Erasure,
  type Hold,
  type RedactorFactory,
} from './core/content.ts'
import type { GuardText } from './core/guardrail.ts'
import { outboundNetwork } from './core/network.ts'
import type { Outcome, OutcomeSink } from './core/outcome.ts'
import type { Clock, Logger, Transport } from './core/ports.ts'
import { excerptOf } from './gateway/guard/excerpt.ts'
import { ContentStage } from './storage/content-stage.ts'
import { storeEraser, type Eraser } from './storage/eraser.ts'
import { objectKeyOf } from './storage/object-key.ts'
import { ObjectMover } from './storage/object-mover.ts'
import type { S3Store } from './storage/s3-store.ts'
import type { Store } from './storage/store.ts'

export interface ContentServiceOptions {
  readonly store: Store
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  /** In [0, 1). */
  readonly random: () => number
  /** Who else is told of requests. */
  readonly others: OutcomeSink
  config(): Config
  /** As the eraser's. */
  elsewhere?(erasure: Erasure, holds: readonly Hold[]): Promise<number>
  /** As the eraser's. */
  forgetAnswers(tenantId: string, callers: readonly string[]): Promise<number>
}

/** Texts of a request, and whose it is. */
interface Quoted {
  readonly model: string
  readonly principal: ContentAsker
  texts(): readonly GuardText[]
}

const NO_REDACTION: Pick<ContentPolicy, 'redact'> = { redact: [] }

export class ContentService {
  readonly objects: ObjectMover
  readonly eraser: Eraser
  private readonly options: ContentServiceOptions
  private readonly stage: ContentStage
  private readonly thread = new ContentThread()
  private rules = new ContentRules({ keep: 'metadata', redact: [] })
  private all: readonly ContentRule[] = []
  private place: string | undefined
  private redactor: RedactorFactory | undefined

  constructor(options: ContentServiceOptions) {
    const { clock, config, elsewhere, logger, others, random, store } = options
    this.options = options
    this.stage = new ContentStage({
      redactor: (names) => this.redactorOf(names),
      redactLarge: (...bodies) => this.thread.redact(...bodies),
      logger,
      others,
      log: store.log,
      objectKeyFor: (outcome, bytes) => {
        const settings = config().contentStore
        if (settings === undefined || bytes < settings.thresholdBytes) return undefined
        this.objects.soon()
        return objectKeyOf(settings.s3.prefix, outcome)
      },
    })
    this.objects = new ObjectMover({ log: store.contentLog, clock, logger, random })
    this.eraser = storeEraser(store, {
      flush: () => this.flush(),
      marked: () => this.objects.soon(),
      forgetAnswers: (tenantId, callers) => options.forgetAnswers(tenantId, callers),
      ...(elsewhere === undefined ? {} : { elsewhere }),
      clock,
      logger,
    })
  }

  /**
   * The rules of file and store from now on. Detectors and what speaks to a bucket are loaded when they are asked for first: a start without
   * them does not pay for them. One call after the other.
   */
  async useRules(stored: readonly ContentRule[]): Promise<void> {
    const { content, contentStore, log } = this.options.config()
    const all = [...content, ...stored]
    if ([log, ...all].some(({ redact = [] }) => redact.length > 0)) {
      this.redactor ??= (await import('./guardrails/redact.ts')).createRedactor
    }
    this.all = all
    this.rules = new ContentRules({ keep: log.requests, redact: log.redact }, all)
    const place = JSON.stringify(contentStore)
    if (place === this.place) return
    this.objects.use(await this.bucket())
    this.place = place
  }

  start(): void {
    this.eraser.start()
  }

  policyFor(asker: ContentAsker, model: string | undefined): ContentPolicy {
    return this.rules.policyFor(asker, model)
  }

  /** Those that hold for a tenant, of file and store. */
  rulesOf(tenantId: string): readonly ContentRule[] {
    return this.all.filter((rule) => rule.tenantId === undefined || rule.tenantId === tenantId)
  }

  /**
   * What the audit may quote of texts that a rule was asked about; undefined where it quotes nothing, or nothing is kept of the request.
   * @throws Error where the detectors are not there
   */
  excerpt({ model, principal, texts }: Quoted): string | undefined {
    if (this.options.config().audit.content === 'none') return undefined
    const { keep, redact } = this.policyFor(principal, model)
    if (keep === 'none') return undefined
    return excerptOf(texts(), redact.length === 0 ? undefined : this.redactorOf(redact))
  }

  /** Returns at once and never throws. */
  record(outcome: Outcome): void {
    const { redact } = outcome
    this.stage.record(outcome, redact === undefined ? NO_REDACTION : { redact })
  }

  get counters() {
    return { stage: this.stage.counters, objects: this.objects.counters }
  }

  /** Rows that are on their way are in the store, or wait for it. */
  async flush(): Promise<void> {
    await this.stage.flush()
    await this.options.store.log.flush()
  }

  async stop(): Promise<void> {
    await this.stage.stop()
    this.thread.stop()
    await Promise.all([this.objects.stop(), this.eraser.stop()])
  }

  /** @throws Error where no rule that is in force takes anything out */
  private redactorOf(names: Parameters<RedactorFactory>[0]) {
    if (this.redactor === undefined) throw new Error('the detectors are not loaded')
    return this.redactor(names)
  }

  private async bucket(): Promise<S3Store | undefined> {
    const { clock, config, transport } = this.options
    const settings = config().contentStore
    if (settings === undefined) return undefined
    const { S3Store } = await import('./storage/s3-store.ts')
    return new S3Store(settings.s3, {
      transport,
      clock,
      credentials: () => credentialsOf(settings),
      // The operator's own, as whatever the file declares.
      network: (url) => outboundNetwork(url, true, config().network),
    })
  }
}

/** Of the file, else of the environment, else of a profile in the shared credentials file; undefined where there are none. */
export function credentialsOf({ credentials }: ContentStoreSettings): AwsCredentials | undefined {
  if (credentials !== undefined) return credentials
  const {
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_SESSION_TOKEN: token,
  } = process.env
  return made(id, secret, token) ?? ofProfile()
}

function made(id?: string, secret?: string, token?: string): AwsCredentials | undefined {
  if (id === undefined || id === '' || secret === undefined || secret === '') return undefined
  const credentials = { accessKeyId: id, secretAccessKey: secret }
  return token === undefined || token === '' ? credentials : { ...credentials, sessionToken: token }
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
function ofProfile(): AwsCredentials | undefined {
  const { AWS_PROFILE: profile = 'default', AWS_SHARED_CREDENTIALS_FILE: file } = process.env
  let text: string
  try {
    text = readFileSync(file ?? join(homedir(), '.aws', 'credentials'), 'utf8')
  } catch (error) {
    // None, or none that may be read: then there are no credentials there.
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
  const values = new Map<string, string>()
  let section: string | undefined
  for (const line of text.split(/\r?\n/)) {
    const [, name] = /^\s*\[\s*(.+?)\s*\]/.exec(line) ?? []
    if (name !== undefined) section = name
    const [, key, value] = /^\s*(aws_\w+)\s*=\s*(\S+)\s*$/.exec(line) ?? []
    if (section === profile && key !== undefined && value !== undefined) values.set(key, value)
  }
  return made(
    values.get('aws_access_key_id'),
    values.get('aws_secret_access_key'),
    values.get('aws_session_token'),
  )
}
