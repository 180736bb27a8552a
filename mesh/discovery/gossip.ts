import type { KeyObject } from 'node:crypto'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Credential, checkCredential } from '../admission/index.ts'
import { libp2pPrivateKey } from '../identity/index.ts'
import { limits } from '../limits.ts'
import { isLoopback, splitAddress } from '../links/index.ts'
import { asCount, asList, asMap, asText, decodeHeader, encodeHeader, type HeaderValue } from '../wire/index.ts'
import { admittingNoise } from './admitting-noise.ts'

/** What gossip says of one member. */
export interface Announcement {
  readonly peerId: string
  readonly incarnation: number
  readonly addresses: readonly string[]
  readonly info: HeaderValue
}

export interface GossipOptions {
  readonly key: KeyObject
  readonly meshId: string
  /** The same number as the links', on TCP; undefined: it dials out only. */
  readonly listen: string | undefined
  /** Looks for members in the local network. Off on loopback. */
  readonly mdns: boolean
  credential(): Credential
  revoked(serial: string): boolean
  heard(announcement: Announcement): void
  /** Somebody of this mesh was seen at an address. */
  seen(peerId: string, address: string): void
  /** The TCP connection to a member was closed. */
  lost(peerId: string): void
  log(line: string): void
}

/**
 * libp2p beside the links: who is a member and how loaded, and nothing else, by gossipsub; members in the local network by
 * mDNS. Links carry everything that must arrive; what is said here is a hint.
 */
export class Gossip {
  readonly #options: GossipOptions
  readonly #topic: string
  #libp2p: Libp2p<{ pubsub: GossipSub; identify: Identify }> | undefined
  #closed = false

  static async open(options: GossipOptions): Promise<Gossip> {
    const gossip = new Gossip(options)
    await gossip.#start()
    return gossip
  }

  private constructor(options: GossipOptions) {
    this.#options = options
    this.#topic = `shoal/${options.meshId}/members`
  }

  async #start(): Promise<void> {
    const { key, meshId, listen, log, credential, revoked } = this.#options
    const withMdns = this.#options.mdns && listen !== undefined && !isLoopback(listen)
    const libp2p = await createLibp2p({
      privateKey: privateKeyFromProtobuf(libp2pPrivateKey(key)),
      addresses: { listen: listen === undefined ? [] : [toMultiaddr(listen)] },
      transports: [tcp()],
      connectionEncrypters: [
        admittingNoise({
          credential,
          check: (peerId, shown) => {
            const member = checkCredential(shown, { meshId, peerId, nowMs: Date.now(), revoked })
            if (member.renewalOnly) throw new Error('its credential has expired')
          },
        }),
      ],
      streamMuxers: [yamux()],
      peerDiscovery: withMdns
        ? [mdns({ serviceTag: `_shoal-${meshId.slice(0, 10).toLowerCase()}._udp.local`, interval: 10_000 })]
        : [],
      // The defaults refuse what a mesh on one machine, or one that joins at once, does.
      connectionManager: {
        inboundConnectionThreshold: 1000,
        maxIncomingPendingConnections: 1000,
        maxConnections: 1000,
        inboundUpgradeTimeout: 2 * limits.admissionMs,
        dialTimeout: limits.dialMs,
        reconnectRetries: 0,
      },
      connectionMonitor: { enabled: false },
      connectionGater: { denyDialMultiaddr: () => false },
      services: {
        identify: identify(),
        pubsub: gossipsub({
          floodPublish: false,
          emitSelf: false,
          allowedTopics: [this.#topic],
          canRelayMessage: true,
          maxOutboundBufferSize: 4 << 20,
          maxInboundDataLength: limits.gossipBytesMax * 16,
        }),
      },
    })
    this.#libp2p = libp2p
    const { pubsub } = libp2p.services
    pubsub.addEventListener('message', event => {
      const { detail } = event
      if (detail.topic !== this.#topic || detail.type !== 'signed') return
      try {
        this.#heard(detail.from.toString(), detail.data)
      } catch (error) {
        log(`gossip of ${detail.from.toString()}: ${(error as Error).message}`)
      }
    })
    libp2p.addEventListener('peer:disconnect', ({ detail }) => this.#options.lost(detail.toString()))
    libp2p.addEventListener('peer:discovery', ({ detail }) => {
      for (const address of detail.multiaddrs) {
        const at = /^\/ip([46])\/([^/]+)\/tcp\/(\d+)/.exec(address.toString())
        if (at) this.#options.seen(detail.id.toString(), at[1] === '6' ? `[${at[2]}]:${at[3]}` : `${at[2]}:${at[3]}`)
      }
    })
    pubsub.subscribe(this.#topic)
  }

  /** Only the member itself can say it: gossipsub's signature is its key's. */
  #heard(from: string, data: Uint8Array): void {
    if (data.length > limits.gossipBytesMax) return
    const map = asMap(decodeHeader(data), 'gossip')
    if (asText(map.p, 'peer', 64) !== from) throw new Error('it speaks for another')
    this.#options.heard({
      peerId: from,
      incarnation: asCount(map.n, 'incarnation'),
      addresses: asList(map.a, 'addresses', limits.ticketAddressesMax).map(one => asText(one, 'address', 256)),
      info: map.i ?? null,
    })
  }

  /** Says what there is to say of this peer. */
  say({ peerId, incarnation, addresses, info }: Announcement): void {
    const { services } = this.#libp2p ?? {}
    if (!services || this.#closed || services.pubsub.getSubscribers(this.#topic).length === 0) return
    const data = encodeHeader({ p: peerId, n: incarnation, a: [...addresses], i: info })
    if (data.length <= limits.gossipBytesMax) services.pubsub.publish(this.#topic, data).catch(() => undefined)
  }

  /** Connects to a member that is linked. */
  connect(peerId: string, addresses: readonly string[]): void {
    const libp2p = this.#libp2p
    if (!libp2p || this.#closed || addresses.length === 0) return
    if (libp2p.getConnections().some(({ remotePeer }) => remotePeer.toString() === peerId)) return
    const targets = addresses.map(address => multiaddr(`${toMultiaddr(address)}/p2p/${peerId}`))
    libp2p.dial(targets, { signal: AbortSignal.timeout(limits.dialMs) }).catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#libp2p?.stop()
  }
}

function toMultiaddr(address: string): string {
  const { host, port } = splitAddress(address)
  return `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`
}
