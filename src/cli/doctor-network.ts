// The way to a provider, layer by layer: name, address, proxy, TCP, TLS, certificate, client certificate. One connection is made as a
// request would make it, and the first layer that fails ends the walk. No key leaves the program here.

import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { X509Certificate } from 'node:crypto'
import type { Provider } from '../core/catalog.ts'
import { GatewayError } from '../core/error.ts'
import { LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/ports.ts'
import {
  ask,
  bareHost,
  connectTcp,
  handshake,
  ProbeError,
  resolveName,
  type Secured,
  type TlsSettings,
} from '../transport/probe.ts'
import { type ForwardProxy, portOf, proxyFor } from '../transport/proxy.ts'
import { AddressGuard } from '../transport/resolve.ts'
import { loadMaterial, type TlsMaterial } from '../transport/tls-files.ts'
import {
  addressAdvice,
  certificateAdvice,
  clientCertificateAdvice,
  connectAdvice,
  handshakeAdvice,
  nameAdvice,
  proxyAdvice,
  refusedByProxyAdvice,
  SYSTEM_BUNDLES,
  type Way,
} from './doctor-advice.ts'
import { type Finding, runStep, type Step, StepFailure } from './doctor-steps.ts'
import { formatDate } from './format.ts'

export const NETWORK_LAYERS = [
  'dns',
  'address',
  'proxy',
  'tcp',
  'tls',
  'certificate',
  'client certificate',
] as const

type Layer = (typeof NETWORK_LAYERS)[number]

/** A certificate that ends sooner is told. */
const CERTIFICATE_WARNING_MS = 14 * 24 * 60 * 60_000

const ADDRESSES_SHOWN = 3

export interface NetworkPorts {
  readonly clock: Clock
  readonly proxyVariable: string | undefined
  readonly heardDate: (date: string, nowMs: number) => void
}

/** The layers' steps; what comes after a failed one is left out. */
export async function* probeNetwork(provider: Provider, ports: NetworkPorts): AsyncGenerator<Step> {
  const walk = new Walk(provider, ports)
  const work: Readonly<Record<Layer, () => Promise<Finding>>> = {
    dns: () => walk.dns(),
    address: () => walk.address(),
    proxy: () => walk.proxy(),
    tcp: () => walk.tcp(),
    tls: () => walk.tls(),
    certificate: () => walk.certificate(),
    'client certificate': () => walk.clientCertificate(),
  }
  try {
    for (const layer of NETWORK_LAYERS) {
      const step = await runStep(layer, ports.clock.monotonicMs, work[layer])
      yield step
      if (step.state === 'failed') return
    }
  } finally {
    walk.close()
  }
}

class Walk {
  private readonly way: Way
  private readonly url: URL
  private readonly ports: NetworkPorts
  private readonly timeoutMs: number
  private readonly isTls: boolean
  private readonly place: string
  private addresses: readonly string[] = []
  private material: TlsMaterial = {}
  private socket: Socket | undefined
  private secured: Secured | undefined
  private readonly opened: Socket[] = []

  constructor(provider: Provider, ports: NetworkPorts) {
    this.url = new URL(provider.baseUrl)
    const host = bareHost(this.url)
    const port = portOf(this.url)
    const proxy = proxyFor(provider.network, host, port)
    this.way = { provider, host, port, proxy, proxyVariable: ports.proxyVariable }
    this.ports = ports
    this.timeoutMs = Math.min(provider.timeouts.connectMs, LIMITS.probeLayerTimeoutMs)
    this.isTls = this.url.protocol === 'https:'
    this.place = `${this.url.hostname}:${port}`
  }

  close(): void {
    for (const socket of this.opened) socket.destroy()
  }

  async dns(): Promise<Finding> {
    const { host, proxy } = this.way
    const name = proxy?.host ?? host
    try {
      this.addresses = await resolveName(name, this.timeoutMs)
    } catch (error) {
      throw told(error, (probe) => nameAdvice(probe, name, this.way))
    }
    const behind = proxy === undefined ? '' : `; ${host} is the proxy’s to resolve`
    if (this.addresses[0] === name) return `${name} is an address${behind}`
    const shown = this.addresses.slice(0, ADDRESSES_SHOWN).join(', ')
    const rest = this.addresses.length - ADDRESSES_SHOWN
    return `${name} → ${shown}${rest > 0 ? ` and ${rest} more` : ''}${behind}`
  }

  async address(): Promise<Finding> {
    const { host, provider, proxy } = this.way
    const guard = new AddressGuard(this.ports.clock.monotonicMs)
    const allowPrivate = provider.network.allowPrivate === true
    // The proxy stands where the operator says, and alone sees what the name resolves to.
    const judged = proxy === undefined ? this.addresses : [host]
    for (const address of judged) {
      try {
        guard.judgeLiteral(address, allowPrivate)
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        const kind = / is (\S+)$/.exec(String(error.cause))?.[1] ?? 'refused'
        throw new StepFailure(addressAdvice(host, address, kind))
      }
    }
    return allowPrivate ? 'may be connected to, inside addresses too' : 'public'
  }

  async proxy(): Promise<Finding> {
    const { proxy } = this.way
    if (proxy === undefined) {
      const isBypassed = this.way.provider.network.proxy !== undefined
      return { skipped: isBypassed ? 'network.no_proxy names this host' : 'none configured' }
    }
    this.material = loadMaterial(this.way.provider.network)
    const place = proxyPlace(proxy)
    this.socket = await this.throughProxy(proxy)
    return `${place} ${this.isTls ? `connects to ${this.place}` : 'passes requests on'}`
  }

  async tcp(): Promise<Finding> {
    if (this.way.proxy !== undefined) return { skipped: 'made by the proxy' }
    const { note, socket } = await this.connect(this.place, this.way.port)
    this.socket = socket
    return note
  }

  async tls(): Promise<Finding> {
    const { host, provider } = this.way
    const { minTlsVersion } = provider.network
    if (!this.isTls) return this.plainFinding()
    this.material = loadMaterial(provider.network)
    try {
      this.secured = await this.secure(host, this.socket, minTlsVersion ?? '1.2')
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error
      const about = clientCertificateAdvice(error, this.ownName())
      // That alert may also mean anything else: only those that name a certificate are taken for it.
      if (about !== undefined && !error.code.endsWith('HANDSHAKE_FAILURE')) {
        throw new StepFailure(about)
      }
      const spoken = minTlsVersion === '1.3' ? await this.spokenVersion(error) : undefined
      throw new StepFailure(handshakeAdvice(error, this.place, spoken))
    }
    const { alpn, cipher, protocol } = this.secured
    return `${protocol}, ${cipher}${alpn === undefined ? '' : `, ${alpn}`}`
  }

  async certificate(): Promise<Finding> {
    const { host, provider } = this.way
    const { secured } = this
    if (secured === undefined) return { skipped: 'no TLS' }
    const { nowMs } = this.ports.clock
    const advice = this.judge(secured, host, 'base_url')
    const [own] = secured.chain
    const shown =
      own === undefined
        ? 'none'
        : `${own.subject}, issued by ${own.issuer}, until ${formatDate(own.validUntilMs)}`
    if (provider.network.verify === false) {
      const wrong = advice === undefined ? '' : `; it would not hold: ${advice.reason}`
      return {
        result: shown,
        warning: {
          reason: `network.verify is false: any certificate is taken${wrong}`,
          todo: 'Whoever stands between can read keys and prompts. Name the authority in network.ca_file and take verify out.',
        },
      }
    }
    if (advice !== undefined) throw new StepFailure(advice)
    const leftMs = (own?.validUntilMs ?? 0) - nowMs()
    if (leftMs > CERTIFICATE_WARNING_MS) return shown
    const todo = 'Have it renewed by who runs that server.'
    return { result: shown, warning: { reason: 'it ends within two weeks', todo } }
  }

  /** Whether the server wants one shows only when it is asked something: TLS 1.3 lets the handshake end before. */
  async clientCertificate(): Promise<Finding> {
    const { secured } = this
    if (secured === undefined) return { skipped: 'no TLS' }
    const own = this.ownName()
    let outcome: Awaited<ReturnType<typeof ask>> | ProbeError
    try {
      outcome = await ask(secured.socket, {
        method: 'GET',
        target: this.url.pathname,
        headers: { Host: this.url.host, 'User-Agent': 'weir', Accept: '*/*', Connection: 'close' },
        timeoutMs: Math.min(LIMITS.probeAnswerTimeoutMs, this.way.provider.timeouts.firstByteMs),
        withBody: true,
      })
      const date = outcome.headers.get('date')
      if (date !== null) this.ports.heardDate(date, this.ports.clock.nowMs())
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error
      outcome = error
    }
    const advice = clientCertificateAdvice(outcome, own)
    if (advice !== undefined) throw new StepFailure(advice)
    if (outcome instanceof ProbeError) {
      const result = `${own === undefined ? 'none' : own} shown, and no answer to a bare question`
      const reason = `the server said nothing (${outcome.code})`
      const todo =
        'Where the next steps fail too, it may want a client certificate: network.cert_file.'
      return { result, warning: { reason, todo } }
    }
    return own === undefined ? 'none asked for' : `${own} was shown, and not refused`
  }

  private plainFinding(): Finding {
    const { host, provider } = this.way
    const isInside = this.addresses.every((address) => isLoopback(address))
    const isKeyed = provider.keys.length > 0 || provider.entra !== undefined
    if (isInside || !isKeyed) return { skipped: 'http://, no TLS' }
    return {
      result: 'http://, no TLS',
      warning: {
        reason: `keys and prompts go to ${host} unencrypted`,
        todo: 'Write https:// into base_url where that server speaks it.',
      },
    }
  }

  private async connect(
    place: string,
    port: number,
  ): Promise<{ readonly socket: Socket; readonly note: string }> {
    try {
      const { address, failed, socket } = await connectTcp(this.addresses, port, this.timeoutMs)
      this.opened.push(socket)
      const others = failed.map((one) => `${one.address}: ${one.code}`).join(', ')
      const note = `connected to ${address.includes(':') ? `[${address}]` : address}:${port}`
      return { socket, note: others === '' ? note : `${note} (before it ${others})` }
    } catch (error) {
      throw told(error, (probe) => connectAdvice(probe, place, this.way))
    }
  }

  /** A connection that the proxy has made to the provider; for a provider without TLS one to the proxy that lets requests pass. */
  private async throughProxy(proxy: ForwardProxy): Promise<Socket> {
    const place = proxyPlace(proxy)
    let { socket } = await this.connect(place, proxy.port)
    if (proxy.isTls) socket = (await this.secureProxy(proxy, socket)).socket
    const { host } = this.url
    try {
      const answer = await ask(socket, {
        method: this.isTls ? 'CONNECT' : 'GET',
        target: this.isTls ? this.place : this.url.href,
        headers: { Host: this.isTls ? this.place : host, 'User-Agent': 'weir', ...proxy.headers },
        // The proxy has to resolve and connect before it answers.
        timeoutMs: 2 * this.timeoutMs,
        withBody: false,
      })
      const isRefused = this.isTls
        ? answer.status < 200 || answer.status > 299
        : answer.status === 407 || answer.headers.has('x-squid-error')
      if (isRefused) throw new StepFailure(refusedByProxyAdvice(answer, this.way))
      return socket
    } catch (error) {
      throw told(error, (probe) => proxyAdvice(probe, place))
    }
  }

  private async secureProxy(proxy: ForwardProxy, socket: Socket): Promise<Secured> {
    try {
      const secured = await this.secure(proxy.host, socket, '1.2')
      const advice = this.judge(secured, proxy.host, 'network.proxy')
      if (advice !== undefined && this.way.provider.network.verify !== false) {
        throw new StepFailure({ ...advice, reason: `of the proxy, ${advice.reason}` })
      }
      return secured
    } catch (error) {
      throw told(error, (probe) => handshakeAdvice(probe, proxyPlace(proxy)))
    }
  }

  private async secure(
    host: string,
    socket: Socket | undefined,
    minVersion: '1.2' | '1.3',
  ): Promise<Secured> {
    if (socket === undefined) throw new Error('there is no connection to secure')
    const settings: TlsSettings = { ...this.material, minVersion: `TLSv${minVersion}` }
    const secured = await handshake(socket, host, settings, this.timeoutMs)
    this.opened.push(secured.socket)
    return secured
  }

  private judge(secured: Secured, host: string, setting: 'base_url' | 'network.proxy') {
    return certificateAdvice({
      secured,
      host,
      caFile: this.way.provider.network.caFile,
      nowMs: this.ports.clock.nowMs(),
      setting,
      systemBundle: SYSTEM_BUNDLES.find((path) => existsSync(path)),
    })
  }

  /** What the server speaks when 1.3 is not insisted on; undefined when that fails too. */
  private async spokenVersion(failure: ProbeError): Promise<string | undefined> {
    if (!failure.code.includes('VERSION')) return undefined
    const { host, port, proxy } = this.way
    try {
      const socket =
        proxy === undefined
          ? (await this.connect(this.place, port)).socket
          : await this.throughProxy(proxy)
      const { protocol } = await this.secure(host, socket, '1.2')
      return protocol.replace('TLSv', 'TLS ')
    } catch (error) {
      if (error instanceof ProbeError || error instanceof StepFailure) return undefined
      throw error
    }
  }

  /** Whose certificate is shown to servers that ask. */
  private ownName(): string | undefined {
    const { cert } = this.material
    return cert === undefined ? undefined : new X509Certificate(cert).subject.replaceAll('\n', ', ')
  }
}

function proxyPlace({ host, port }: ForwardProxy): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** A layer's failure in words; anything else as it is. */
function told(error: unknown, words: (probe: ProbeError) => StepFailure['advice']): unknown {
  return error instanceof ProbeError ? new StepFailure(words(error)) : error
}
