import type { Libp2p, Logger } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'

/** The hub is tried again after this, twice as long each time, and never less often than the second figure. */
const FIRST_RETRY_MS = 250
const MAX_RETRY_MS = 5_000
const RESERVE_TIMEOUT_MS = 10_000
/** A reservation that is there is looked at so often: the transport renews it, and tells nobody when it could not. */
const CHECK_MS = 1_000

/** @throws NatError BAD_ADDRESS, NO_HUB */
export function parseHubs(hubs: readonly string[]): Multiaddr[] {
  if (hubs.length === 0)
    throw new NatError('NO_HUB', 'no hub was given: start one with `beeline hub`, and name its address')
  return hubs.map(text => {
    try {
      const address = multiaddr(text)
      if (address.getComponents().some(({ name }) => name === 'p2p')) return address
    } catch {}
    throw new NatError(
      'BAD_ADDRESS',
      `${text} is not a hub's address: it looks like /ip4/192.0.2.1/udp/4001/quic-v1/p2p/12D3Koo…`
    )
  })
}

/**
 * Keeps a reservation at each hub of the list, for as long as the node lives. The stock transport gives a reservation up
 * for good when its relay goes away (js-libp2p#3601), so listening is begun anew here, with backoff and jitter.
 */
export class HubKeeper {
  readonly #node: Libp2p
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Logger
  readonly #stop = new AbortController()

  constructor(node: Libp2p, log: Logger, clock: Clock, random: Random) {
    this.#node = node
    this.#log = log
    this.#clock = clock
    this.#random = random
  }

  /** Begins to keep a reservation there. @returns what the first try came to: undefined, or its error */
  keep(hub: Multiaddr): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#run(hub, resolve).catch(error => this.#log('no longer keeps a reservation at %a - %e', hub, error))
    return promise
  }

  stop(): void {
    this.#stop.abort(new NatError('LINK_CLOSED', 'the node was stopped'))
  }

  async #run(hub: Multiaddr, firstTry: (error: unknown) => void): Promise<void> {
    const signal = this.#stop.signal
    for (let failures = 0; !signal.aborted; ) {
      if (this.#reserved(hub)) {
        failures = 0
        await sleep(this.#clock, CHECK_MS, signal)
        continue
      }
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(RESERVE_TIMEOUT_MS)])
        await this.#node.dial(hub, { signal: limit })
        await this.#listen(hub)
        firstTry(undefined)
      } catch (error) {
        firstTry(error)
        const longest = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++)
        await sleep(this.#clock, this.#random.int(longest / 2, longest), signal)
      }
    }
  }

  #reserved(hub: Multiaddr): boolean {
    const id = hub.getComponents().findLast(({ name }) => name === 'p2p')?.value
    return this.#node.getMultiaddrs().some(address => address.toString().includes(`/p2p/${id}/p2p-circuit`))
  }

  async #listen(hub: Multiaddr): Promise<void> {
    // not in libp2p's public interface, and the only way to listen on one more address
    const { transportManager } = (this.#node as unknown as { components: { transportManager: Listening } }).components
    await transportManager.listen([hub.encapsulate('/p2p-circuit')])
  }
}

interface Listening {
  listen(addresses: Multiaddr[]): Promise<void>
}
