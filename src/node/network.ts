import type { Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import { secureRandom } from '../core/random.ts'
import { askHubs } from '../libp2p/ask-hubs.ts'
import type { CandidateSource } from '../libp2p/links/context.ts'
import type { ObservedAddresses } from '../libp2p/observed.ts'
import type { PathCandidate } from '../wire/path.ts'

/** What there is once libp2p is. */
export interface NetworkParts {
  readonly transports: readonly Transport[]
  readonly hubs: readonly Multiaddr[]
  readonly observed: ObservedAddresses
}

/** A node's own place in the network: under which addresses it may be reached now. */
export class NodeNetwork {
  readonly #changes = new Events<{ candidates: undefined }>()
  readonly #stopping = new AbortController()
  #parts: NetworkParts | undefined

  readonly candidates: CandidateSource = {
    list: () => this.#list(),
    onChange: listener => this.#changes.on('candidates', listener)
  }

  /** Begins to find out. */
  start(parts: NetworkParts): void {
    this.#parts = parts
    void this.#ask()
  }

  stop(): void {
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#changes.clear()
  }

  async #ask(): Promise<void> {
    if (this.#parts == null) return
    await askHubs({ ...this.#parts, clock: realClock, random: secureRandom }, this.#stopping.signal).catch(() => {})
    this.#changes.emit('candidates', undefined)
  }

  #list(): readonly PathCandidate[] {
    const candidates = this.#parts?.observed.candidates() ?? []
    return candidates.map(({ technique, address, port }) => ({
      kind: 'observed',
      transport: technique === 'punch-quic' ? 'udp' : 'tcp',
      address,
      port
    }))
  }
}
