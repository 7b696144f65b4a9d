// What of a request's bodies is kept for its log row where the policy is `content`: the client's own, and what went to the provider and came
// back where that is something else. Each is bounded; nothing of it is made where the policy is another.

import type { Provider } from '../core/catalog.ts'
import { LIMITS } from '../core/limits.ts'
import type { Outcome } from '../core/outcome.ts'
import { providerSecrets } from '../core/policy/scrub.ts'

type Bytes = Uint8Array | string
type Bodies = Pick<
  Outcome,
  'requestBody' | 'responseBody' | 'providerRequestBody' | 'providerResponseBody'
>

/** Shorter ones are no secrets, and taking them out would shred the text. */
const SECRET_CHARS_MIN = 4

/** The beginning of a body that comes in pieces, cut anywhere. */
class Beginning {
  private readonly decoder = new TextDecoder('utf-8', AS_IT_IS)
  private readonly parts: string[] = []
  private chars = 0

  push(piece: Bytes): void {
    const left = LIMITS.logBodyBytesMax - this.chars
    if (left <= 0) return
    const text =
      typeof piece === 'string' ? piece : this.decoder.decode(piece.subarray(0, left), MORE)
    const kept = text.slice(0, left)
    // What comes behind a cut would not belong to what is before it.
    this.chars += piece.length > left ? left : kept.length
    this.parts.push(kept)
  }

  get isEmpty(): boolean {
    return this.chars === 0
  }

  text(): string {
    return this.parts.join('')
  }
}

const MORE = { stream: true }
/** A mark at its beginning is part of a body. */
const AS_IT_IS = { ignoreBOM: true }

/** What went to one provider, and what came back from it. */
export class Exchange {
  private readonly sent: Bytes
  private readonly provider: Provider | undefined
  private readonly answer = new Beginning()

  constructor(sent: Bytes, provider: Provider | undefined) {
    this.sent = sent
    this.provider = provider
  }

  /** A part of what the provider answers. */
  answered(piece: Bytes): void {
    this.answer.push(piece)
  }

  /** The bodies of the provider, without what is the client's, and without this provider's secrets. */
  beside(requestBody: string, responseBody: string): Bodies {
    const sent = beginningOf(this.sent)
    const answer = this.answer.text()
    const isSame = this.answer.isEmpty || answer === responseBody
    return {
      ...(sent === requestBody ? {} : { providerRequestBody: withoutSecrets(sent, this.provider) }),
      ...(isSame ? {} : { providerResponseBody: withoutSecrets(answer, this.provider) }),
    }
  }
}

export class KeptBodies {
  private readonly response = new Beginning()
  private exchange: Exchange | undefined
  private hasAnswer = false

  /** A part of what the client is answered. */
  responded(piece: Bytes): void {
    this.response.push(piece)
  }

  /** An attempt sends this. While none answers, the last one is kept. */
  sending(body: Bytes, provider: Provider | undefined): Exchange {
    const exchange = new Exchange(body, provider)
    if (!this.hasAnswer) this.exchange = exchange
    return exchange
  }

  /** This attempt answers, whatever was sent beside it or after it. */
  answering(exchange: Exchange): void {
    this.exchange = exchange
    this.hasAnswer = true
  }

  /** A part of what the provider that answers says. */
  answered(piece: Bytes): void {
    this.exchange?.answered(piece)
  }

  /** The bodies as the row has them; those of the provider are left out where they are the client's. */
  outcome(request: Uint8Array): Bodies {
    const requestBody = beginningOf(request)
    const responseBody = this.response.text()
    return { requestBody, responseBody, ...this.exchange?.beside(requestBody, responseBody) }
  }
}

function beginningOf(body: Bytes): string {
  return typeof body === 'string'
    ? body.slice(0, LIMITS.logBodyBytesMax)
    : new TextDecoder('utf-8', AS_IT_IS).decode(body.subarray(0, LIMITS.logBodyBytesMax))
}

/** A provider that refuses a key repeats it now and then. */
function withoutSecrets(text: string, provider: Provider | undefined): string {
  if (provider === undefined) return text
  return providerSecrets(provider)
    .filter((secret) => secret.length >= SECRET_CHARS_MIN)
    .reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text)
}
