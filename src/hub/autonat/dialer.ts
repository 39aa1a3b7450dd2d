import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Transport } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import type { FreshDialOptions } from '../../libp2p/quic/fresh.ts'
import { yamux } from '../../libp2p/yamux.ts'

export type Transports = NonNullable<Libp2pOptions['transports']>

/**
 * Who dials back: a libp2p of its own, with another identity, other sockets, no listener and no services. Under the hub's
 * own identity the connection would be one more between the two, which closes in a moment: circuits and reservations of
 * either side might have begun to use it.
 */
export class Dialer {
  readonly #transports: () => Transports
  #node: Promise<Libp2p> | undefined

  constructor(transports: () => Transports) {
    this.#transports = transports
  }

  /** The transport for such an address, once it is known which there are. */
  async transports(): Promise<(address: Multiaddr) => Transport | undefined> {
    const manager = transportManagerOf(await this.#started())
    return address => manager.dialTransportForMultiaddr(address)
  }

  /** @param freshFrom the local address that a QUIC dial leaves from; TCP takes a new port by itself */
  async dial(address: Multiaddr, freshFrom: string, signal: AbortSignal): Promise<Connection> {
    const options: FreshDialOptions & { signal: AbortSignal } = { signal, freshFrom }
    return await transportManagerOf(await this.#started()).dial(address, options)
  }

  async stop(): Promise<void> {
    const node = this.#node
    this.#node = undefined
    await (await node)?.stop()
  }

  /** Not before somebody asks: a hub that serves its own peers' relay only has no use for it. */
  #started(): Promise<Libp2p> {
    this.#node ??= createLibp2p({
      transports: this.#transports(),
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionGater: { denyDialMultiaddr: () => false }
    })
    return this.#node
  }
}

/** Not in libp2p's public interface, and the only way to dial without its queue, which knows no other options. */
function transportManagerOf(node: Libp2p): TransportManager {
  return (node as unknown as { components: { transportManager: TransportManager } }).components.transportManager
}
