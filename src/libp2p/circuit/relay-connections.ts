import type { Connection, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import { SharedWork } from '../../core/shared-work.ts'
import { retire } from '../dcutr/retire.ts'
import { preferred, race } from './connect.ts'
import type { CircuitComponents } from './context.ts'

/** A dial that nobody waits for any more is given up; this bounds one whose callers have no limit of their own. */
const DIAL_MS = 15_000

interface Dial {
  readonly addresses: ReadonlySet<string>
  readonly work: SharedWork<Connection>
}

/** Our own connections to relays: one each, whoever needs it, and a new one when our network has changed. */
export class RelayConnections {
  readonly #components: CircuitComponents
  readonly #clock: Clock
  readonly #knownAddresses: (relay: PeerId) => readonly Multiaddr[]
  /** Those of the network that we were in before. */
  readonly #doubted = new WeakSet<Connection>()
  readonly #dials = new Map<string, Dial>()
  #stopping = new AbortController()

  /** @param knownAddresses  more ways to a relay than a caller may name */
  constructor(
    components: CircuitComponents,
    clock: Clock,
    knownAddresses: (relay: PeerId) => readonly Multiaddr[] = () => []
  ) {
    this.#components = components
    this.#clock = clock
    this.#knownAddresses = knownAddresses
  }

  start(): void {
    this.#stopping = new AbortController()
  }

  stop(): void {
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
  }

  /**
   * A direct connection to the relay: the one that there is, else a new one by the first address that answers.
   *
   * @throws NatError NO_HUB; the signal's reason
   */
  async to(relay: PeerId, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    for (;;) {
      signal.throwIfAborted()
      const open = preferred(this.#connections(relay).filter(each => !this.#doubted.has(each)))
      if (open != null) return open
      const all = [
        ...new Map([...addresses, ...this.#knownAddresses(relay)].map(each => [each.toString(), each])).values()
      ]
      const running = this.#dials.get(relay.toString())
      const isShared = addresses.every(each => running?.addresses.has(each.toString())) && running?.work.givenUp == null
      const { work } = (isShared ? running : undefined) ?? this.#dial(relay, all)
      try {
        const what = `a connection to the hub ${relay}`
        return await withDeadline(this.#clock, DIAL_MS, what, signal, limit => work.join(limit))
      } catch (cause) {
        signal.throwIfAborted()
        if (work.givenUp === MOVED) continue
        const where = all.map(String).join(', ')
        throw new NatError('NO_HUB', `no hub answers at ${where}: ${(cause as Error).message}`, { cause })
      }
    }
  }

  /**
   * Our network has changed: no connection of before is given to anybody any more. It may be alive, so it is not closed, but
   * once there is another one and nothing runs on it.
   */
  networkChanged(): void {
    for (const connection of this.#components.connectionManager.getConnections()) this.#doubted.add(connection)
    for (const { work } of this.#dials.values()) work.giveUp(MOVED)
    this.#dials.clear()
  }

  #dial(relay: PeerId, addresses: readonly Multiaddr[]): Dial {
    const key = relay.toString()
    const work = new SharedWork(async signal => {
      const opened = await this.#connect(relay, addresses, AbortSignal.any([signal, this.#stopping.signal]))
      for (const each of this.#connections(relay)) {
        if (each !== opened && this.#doubted.has(each)) void this.#retire(each)
      }
      return opened
    })
    const dial: Dial = { addresses: new Set(addresses.map(String)), work }
    this.#dials.set(key, dial)
    void work.over.then(() => {
      if (this.#dials.get(key) === dial) this.#dials.delete(key)
    })
    return dial
  }

  /** A firewall that swallows UDP must not cost a dial's whole deadline before TCP has its turn; libp2p's own dial queue would try them one after the other. */
  async #connect(relay: PeerId, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    const { connectionManager, transportManager } = this.#components
    const dialable = addresses.filter(address => transportManager.dialTransportForMultiaddr(address) != null)
    // only a peer id, or a name: libp2p looks for the rest
    if (dialable.length === 0) return await connectionManager.openConnection(addresses[0] ?? relay, { signal })
    return await race(dialable, this.#clock, signal, (address, limit) =>
      transportManager.dial(address, { signal: limit })
    )
  }

  #connections(relay: PeerId): Connection[] {
    return this.#components.connectionManager.getConnections(relay)
  }

  /** Whatever a peer still has on it, it is not taken away. */
  async #retire(connection: Connection): Promise<void> {
    const { signal } = this.#stopping
    while (connection.status === 'open' && !signal.aborted) await retire(connection, this.#clock, signal)
  }
}

const MOVED = new NatError('LINK_CLOSED', 'our network has changed')
