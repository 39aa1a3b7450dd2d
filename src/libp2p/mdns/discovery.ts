import type { ComponentLogger, PeerDiscovery, PeerId, PeerInfo, Startable } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import { CODE_P2P, type Multiaddr } from '@multiformats/multiaddr'
import { type Clock, realClock, type Timer } from '../../core/clock.ts'
import { ipScope } from '../../core/ip.ts'
import type { NetHost } from '../../core/net.ts'
import { endpointOf } from '../candidate.ts'
import { isQuicAddress } from '../quic/address.ts'
import { NEIGHBOURS, Neighbours } from './neighbours.ts'

export const DISCOVERY = {
  /** Whoever connects to somebody has that done by then, and is not held up by code that is loaded for it. */
  beginMs: 1_000,
  /**
   * A question is answered to all, and the one who asks answers it, too: two who are new to each other both know it after the first. All others are
   * for what was lost. RFC 6762 section 5.2 has them grow apart up to an hour; js-libp2p's own are 10 s apart.
   */
  everyMs: NEIGHBOURS.expireMs / 3,
  /** A network that comes up changes three or four times. */
  changedMs: 1_000
} as const

export interface DiscoveryComponents {
  readonly peerId: PeerId
  readonly transportManager: TransportManager
  readonly logger: ComponentLogger
}

type Running = PeerDiscovery & Startable

/**
 * Peers in our LAN, by multicast DNS (https://github.com/libp2p/specs/blob/master/discovery/mdns.md). It is not given to libp2p as a discovery,
 * because that would take anybody's word for where a peer is, and dial there.
 */
export class LocalDiscovery {
  readonly neighbours: Neighbours
  readonly #clock: Clock
  #timer: Timer | undefined
  #components: DiscoveryComponents | undefined
  /** One start or stop after the other. */
  #last: Promise<void> = Promise.resolve()
  #running: Running | undefined

  constructor(host: Pick<NetHost, 'addresses'>, clock: Clock = realClock) {
    this.#clock = clock
    this.neighbours = new Neighbours({ clock, own: () => host.addresses() })
  }

  /** To be given to libp2p as a service. */
  readonly service = (components: DiscoveryComponents): Startable => ({
    start: () => {
      this.#components = components
      this.#beginIn(DISCOVERY.beginMs)
    },
    stop: async () => {
      this.#components = undefined
      this.#timer?.cancel()
      await this.#inTurn(() => this.#end())
    }
  })

  /** Our network has changed: others are in it. */
  networkChanged(): void {
    this.neighbours.forget()
    if (this.#components != null) this.#beginIn(DISCOVERY.changedMs)
  }

  #beginIn(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.after(ms, () => {
      void this.#inTurn(async () => {
        await this.#end()
        await this.#begin()
      })
    })
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const log = this.#components?.logger.forComponent('beeline:mdns')
    this.#last = this.#last.then(work).catch(error => log?.('peers of the LAN are not looked for - %e', error))
    return this.#last
  }

  async #begin(): Promise<void> {
    const { mdns } = await import('@libp2p/mdns')
    // stopped meanwhile
    if (this.#components == null) return
    const { peerId, transportManager, logger } = this.#components
    const addressManager = { getAddresses: () => announced(transportManager.getAddrs(), peerId) }
    // it asks for nothing else of an address manager
    const components = { addressManager, logger } as unknown as MulticastDNSComponents
    const running = mdns({ interval: DISCOVERY.everyMs })(components) as Running
    running.addEventListener('peer', ({ detail }) => this.#heard(detail))
    this.#running = running
    await running.start()
  }

  async #end(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    await running?.stop()
  }

  #heard({ id, multiaddrs }: PeerInfo): void {
    if (this.#components == null || id.equals(this.#components.peerId)) return
    const endpoints = multiaddrs.slice(0, NEIGHBOURS.addresses).filter(isQuicAddress).map(endpointOf)
    this.neighbours.heard(
      id.toString(),
      endpoints.filter(endpoint => endpoint != null)
    )
  }
}

/** Of all that we listen on only what is of use in a LAN. */
export function announced(listening: readonly Multiaddr[], self: PeerId): Multiaddr[] {
  return listening
    .filter(address => isQuicAddress(address) && isPrivate(endpointOf(address)?.address))
    .slice(0, NEIGHBOURS.addresses)
    .map(address => address.decapsulateCode(CODE_P2P).encapsulate(`/p2p/${self}`))
}

function isPrivate(host: string | undefined): boolean {
  const scope = host == null ? 'invalid' : ipScope(host)
  return scope === 'private' || (scope === 'link-local' && host?.includes(':') === false)
}
