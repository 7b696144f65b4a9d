// Files and batches: they live at a provider, under our credential, beside those of every other tenant. So who made which is
// kept here; a request for any other is answered as one for none, and lists show a tenant its own alone.

import { GatewayError } from '../../core/error.ts'
import { asArray, asObject, asString, type JsonObject } from '../../core/json.ts'
import type { KeptItem, KeptKind, UpstreamMethod } from '../../core/ports.ts'
import { mayAskProvider } from '../../core/permission.ts'
import { callerOf } from '../../core/principal.ts'
import { admit } from '../admit.ts'
import type { GatewayDeps } from '../deps.ts'
import { guardRawBytes, passOnGuarded, rawGuard } from '../guard/raw.ts'
import type { Arrival, Reply } from '../inbound.ts'
import { peekBody } from '../peek.ts'
import { RequestRecord } from '../record.ts'
import { refuse } from '../refuse.ts'
import type { Catalog } from '../snapshot.ts'
import { isFailure } from '../target-run.ts'
import { ask, type Asked, type Question } from './ask.ts'
import { ownedPage } from './owned-list.ts'
import {
  providerFor,
  providerNotFound,
  usableProvider,
  type ChosenProvider,
} from './provider-choice.ts'
import type { ReceivedForm } from './receive.ts'
import { finishedReply, replyHeaders } from './reply.ts'

export type OwnedAction = 'create' | 'list' | 'get' | 'content' | 'delete' | 'cancel'

export interface OwnedInbound extends Arrival {
  readonly operation: 'file' | 'batch'
  readonly action: OwnedAction
  /** Of the object, for all but `create` and `list`. */
  readonly id?: string
  /** The provider that the client names. */
  readonly provider?: string
  readonly query: URLSearchParams
  /** The upload of a new file; a new batch is the JSON of `bytes`. */
  readonly form?: ReceivedForm
}

const METHODS: Readonly<Record<OwnedAction, UpstreamMethod>> = {
  create: 'POST',
  list: 'GET',
  get: 'GET',
  content: 'GET',
  delete: 'DELETE',
  cancel: 'POST',
}

/** Ids as providers make them. Nothing else goes into a path. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/

/** Answers one request and gives its form back. Never rejects. */
export async function ownedObjects(inbound: OwnedInbound, deps: GatewayDeps): Promise<Reply> {
  const record = new RequestRecord(inbound, deps)
  if (inbound.form !== undefined) record.requestBytes = inbound.form.bytes
  const onOver = () => void inbound.form?.dispose()
  try {
    await admit({ inbound, modelName: '', stream: false }, record, deps)
    const guard = rawGuard('', record, deps)
    const given =
      guard === undefined
        ? inbound
        : {
            ...inbound,
            bytes: await guardRawBytes(guard, inbound.bytes, inbound.form !== undefined, {}),
          }
    const request = new OwnedRequest(given, record, deps, onOver)
    switch (inbound.action) {
      case 'create':
        return await request.create()
      case 'list':
        return await request.list()
      default:
        return await request.item()
    }
  } catch (thrown) {
    onOver()
    return refuse(record, thrown, deps)
  }
}

class OwnedRequest {
  private readonly inbound: OwnedInbound
  private readonly record: RequestRecord
  private readonly deps: GatewayDeps
  private readonly onOver: () => void

  constructor(inbound: OwnedInbound, record: RequestRecord, deps: GatewayDeps, onOver: () => void) {
    this.inbound = inbound
    this.record = record
    this.deps = deps
    this.onOver = onOver
  }

  async create(): Promise<Reply> {
    const { inbound, record, deps } = this
    const asked = inbound.operation === 'batch' ? await this.newBatch() : await this.newFile()
    await this.learn(asked)
    return await passOnGuarded(
      { asked, record, deps, tapped: false, onOver: this.onOver },
      record.guard,
      {},
    )
  }

  async list(): Promise<Reply> {
    const { inbound, record, deps } = this
    const { operation, principal, query } = inbound
    const chosen = this.chosen()
    const after = query.get('after')
    if (after !== null) await this.owner(after)
    const page = await ownedPage(query, {
      page: async (search) => {
        const asked = await this.asked(chosen, '', {}, search)
        if (operation === 'batch') await this.learnOutputs(asked)
        return asked
      },
      owned: async (ids) => {
        const items = await deps.kept.findMany(operation, principal.tenantId, ids)
        return new Set(
          items.filter((item) => item.providerId === chosen.provider.id).map((item) => item.id),
        )
      },
    })
    const body = JSON.stringify(page.body)
    const headers = replyHeaders(page.asked, record)
    record.keepResponse(() => body)
    const { onOver } = this
    return finishedReply({ record, onOver }, 200, headers, body)
  }

  async item(): Promise<Reply> {
    const { inbound, record, deps } = this
    const { action, operation, id = '' } = inbound
    const owner = await this.owner(id)
    const suffix = action === 'content' || action === 'cancel' ? `/${action}` : ''
    const chosen = usableProvider(owner.providerId, this.catalog())
    if (chosen === undefined) throw new GatewayError('upstream_unavailable')
    if (inbound.provider !== undefined && inbound.provider !== owner.providerId) {
      throw this.notFound()
    }
    const asked = await this.asked(chosen, `/${id}${suffix}`, {})
    if (action === 'delete') {
      await deps.kept.remove(operation, inbound.principal.tenantId, id)
    } else if (operation === 'batch') await this.learn(asked)
    return await passOnGuarded(
      { asked, record, deps, tapped: false, onOver: this.onOver },
      record.guard,
      {},
    )
  }

  private catalog(): Catalog {
    return this.deps.snapshot().of(this.inbound.principal.tenantId)
  }

  private chosen(): ChosenProvider {
    const { operation, provider, principal } = this.inbound
    return providerFor(operation, provider, principal, this.catalog())
  }

  private async newFile(): Promise<Asked> {
    const { form } = this.inbound
    if (form === undefined) throw new GatewayError('unsupported_media_type')
    const { contentType } = form
    return await this.asked(this.chosen(), '', {
      body: form.content(),
      ...(contentType === undefined ? {} : { contentType }),
    })
  }

  /** A batch runs where its input file is. @throws GatewayError 404 for a file that is not the tenant's */
  private async newBatch(): Promise<Asked> {
    const { inbound } = this
    const { body } = peekBody(inbound.bytes)
    const fileId = asString(body['input_file_id'])
    if (fileId === undefined) {
      throw new GatewayError('invalid_request', {
        code: 'missing_required_parameter',
        param: 'input_file_id',
        message: "Missing required parameter: 'input_file_id'.",
      })
    }
    const owner = await this.owner(fileId, 'file', 'input_file_id')
    if (inbound.provider !== undefined && inbound.provider !== owner.providerId) {
      throw this.notFound('file', 'input_file_id')
    }
    const chosen = providerFor('batch', owner.providerId, inbound.principal, this.catalog())
    // Written anew: of a member named twice the provider must see the one that was judged.
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    return await this.asked(chosen, '', { body: bytes, contentType: 'application/json' })
  }

  /** @throws GatewayError 404, the same for what is nowhere and for what is another tenant's */
  private async owner(
    id: string,
    kind: KeptKind = this.inbound.operation,
    param = 'id',
  ): Promise<KeptItem> {
    const { principal } = this.inbound
    const item = ID.test(id) ? await this.deps.kept.find(kind, principal.tenantId, id) : undefined
    if (item === undefined) throw this.notFound(kind, param)
    if (!mayAskProvider(principal, item.providerId, [])) throw providerNotFound()
    return item
  }

  private notFound(kind: KeptKind = this.inbound.operation, param = 'id'): GatewayError {
    return new GatewayError('invalid_request', {
      status: 404,
      code: null,
      param,
      message: kind === 'file' ? 'No such File object.' : 'No such batch.',
    })
  }

  /** @throws GatewayError of the provider's refusal */
  private async asked(
    { provider, kind }: ChosenProvider,
    item: string,
    content: { body?: Question['body']; contentType?: string },
    search = '',
  ): Promise<Asked> {
    const { inbound, record, deps } = this
    const { action, operation } = inbound
    const url = kind.relayed?.({ provider, operation, item })
    if (url === undefined) throw new GatewayError('upstream_unavailable')
    const { body, contentType } = content
    const result = await ask(
      {
        provider,
        kind,
        model: '',
        dialect: kind.dialects(provider, 'chat')[0] ?? 'openai-chat',
        url: search === '' ? url : `${url}${url.includes('?') ? '&' : '?'}${search}`,
        method: METHODS[action],
        headers: {
          accept: action === 'content' ? '*/*' : 'application/json',
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
        ...(body === undefined ? {} : { body }),
        repeating: METHODS[action] === 'GET' ? 'freely' : 'unless-begun',
        wholeJson: action !== 'content',
        raw: false,
      },
      record,
      deps,
    )
    if (!isFailure(result)) return result
    if (result.status === 404 && inbound.id !== undefined) throw this.notFound()
    throw result.error
  }

  /** Takes note of whose the object in an answer is, and what came out of a batch. */
  private async learn(asked: Asked): Promise<void> {
    const body = asked.whole?.body
    if (body === undefined) return
    const { operation } = this.inbound
    const id = asString(body['id'])
    if (id !== undefined && this.inbound.action === 'create') await this.keep(operation, id, asked)
    if (operation === 'batch') await this.learnOutputsOf(body, asked)
  }

  /** The files made by those of the listed batches that are the tenant's. */
  private async learnOutputs(asked: Asked): Promise<void> {
    const batches = (asArray(asked.whole?.body['data']) ?? []).map(asObject)
    const ids = batches.flatMap((batch) => asString(batch?.['id']) ?? [])
    const { kept } = this.deps
    const mine = await kept.findMany('batch', this.inbound.principal.tenantId, ids)
    const providerId = asked.question.provider.id
    const owned = new Set(
      mine.filter((item) => item.providerId === providerId).map((item) => item.id),
    )
    for (const batch of batches) {
      if (batch !== undefined && owned.has(asString(batch['id']) ?? '')) {
        await this.learnOutputsOf(batch, asked)
      }
    }
  }

  private async learnOutputsOf(batch: JsonObject, asked: Asked): Promise<void> {
    for (const member of ['output_file_id', 'error_file_id']) {
      const id = asString(batch[member])
      if (id !== undefined) await this.keep('file', id, asked)
    }
  }

  private async keep(kind: 'file' | 'batch', id: string, asked: Asked): Promise<void> {
    const { inbound, deps } = this
    if (!ID.test(id)) {
      deps.logger.warn('an object of a provider has an id that cannot be kept', { kind })
      return
    }
    const { tenantId } = inbound.principal
    const keyId = callerOf(inbound.principal)
    await deps.kept.put({
      kind,
      id,
      tenantId,
      ...(keyId === undefined ? {} : { keyId }),
      providerId: asked.question.provider.id,
      model: '',
      createdMs: deps.clock.nowMs(),
    })
  }
}
