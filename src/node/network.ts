import type { Libp2pEvents, Transport } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { AllowPrivate } from '../core/ip.ts'
import { secureRandom } from '../core/random.ts'
import { askHubs } from '../libp2p/ask-hubs.ts'
import type { Autonat } from '../libp2p/autonat/index.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import { CircuitTransport } from '../libp2p/circuit/transport.ts'
import type { Dcutr } from '../libp2p/dcutr/index.ts'
import type { CandidateSource } from '../libp2p/links/context.ts'
import type { Links } from '../libp2p/links/links.ts'
import { OwnCandidates } from '../libp2p/links/own-candidates.ts'
import type { Liveness } from '../libp2p/liveness.ts'
import type { MappedPorts } from '../libp2p/mapped/ports.ts'
import { onNetworkChange, type NetworkChange as Seen } from '../socket/system/watch.ts'
import { HubQuestions } from './hub-questions.ts'

/** What there is once libp2p is. */
export interface NetworkParts {
  readonly events: TypedEventTarget<Libp2pEvents>
  readonly transportManager: TransportManager
  readonly hubs: readonly Multiaddr[]
  readonly dcutr: Dcutr
  readonly autonat: Autonat
  readonly ports: MappedPorts
  readonly links: Links
  readonly liveness: Liveness
  readonly allowPrivate: AllowPrivate
}

/** `mapping`: a hub sees us elsewhere; `silence`: no hub answers over UDP any more. The others are seen on this machine. */
export interface NetworkChange {
  readonly kind: Seen['kind'] | 'mapping' | 'silence'
  /** For people. */
  readonly detail: string
}

export type NodeNetworkEvents = {
  /** Addresses, the default route, or the machine has slept; or our NAT has forgotten us. */
  change: NetworkChange
  /** A hub answers over UDP, after a time in which none did: what was known of our network may be the better for it. */
  back: undefined
}

/** A node's own place in the network: under which addresses it may be reached now, and what follows when it is another one. */
export class NodeNetwork {
  readonly events = new Events<NodeNetworkEvents>()
  readonly #candidates = new Events<{ change: undefined }>()
  readonly #stopping = new AbortController()
  #own: OwnCandidates | undefined
  #hubs: HubQuestions | undefined
  #unwatch = () => {}

  readonly candidates: CandidateSource = {
    list: () => this.#own?.list() ?? [],
    onChange: listener => this.#candidates.on('change', listener)
  }

  /** Begins to find out. */
  start(parts: NetworkParts): void {
    const { events, transportManager, dcutr, ports, allowPrivate } = parts
    const own = new OwnCandidates({
      events,
      listening: transportManager,
      observed: dcutr.observed,
      mapped: ports,
      allowPrivate
    })
    own.onChange(() => this.#candidates.emit('change', undefined))
    this.#own = own
    const hubs = this.#questions(parts, own)
    this.#hubs = hubs
    this.#candidates.emit('change', undefined)
    this.#unwatch = onNetworkChange(change => this.#onChange(parts, own, change))
    parts.links.events.on('suspect', () => void this.#check(parts, own, hubs))
    void hubs.ask()
  }

  /** There is a new connection to a hub: where that sees us is to be known before the NAT forgets it again. */
  hubBack(): void {
    void this.#hubs?.ask()
  }

  stop(): void {
    this.#unwatch()
    this.#own?.close()
    this.#hubs?.stop()
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#candidates.clear()
    this.events.clear()
  }

  /** What was known is forgotten before anybody is asked anew, or an answer would be forgotten with it. */
  #onChange(parts: NetworkParts, own: OwnCandidates, change: NetworkChange): void {
    const { transportManager, dcutr, autonat, ports, links } = parts
    // where the hubs saw us from the old network says nothing about the new one
    this.#hubs?.forget()
    dcutr.networkChanged()
    autonat.networkChanged()
    own.look()
    links.networkChanged()
    for (const each of transportManager.getTransports()) if (each instanceof CircuitTransport) each.networkChanged()
    void ports.networkChanged()
    void this.#hubs?.ask()
    this.events.emit('change', change)
  }

  /** A link hears nothing any more. Perhaps our NAT has forgotten us, or lets no UDP out: then the hubs are lost as well. */
  async #check(parts: NetworkParts, own: OwnCandidates, hubs: HubQuestions): Promise<void> {
    if (!hubs.due()) return
    parts.liveness.doubt(({ remotePeer }) => parts.hubs.some(hub => lastPeer(hub)?.equals(remotePeer) === true))
    if (await hubs.areLost()) {
      this.#onChange(parts, own, { kind: 'silence', detail: 'no hub answers over UDP any more' })
    }
  }

  #questions(parts: NetworkParts, own: OwnCandidates): HubQuestions {
    const { transportManager, hubs, dcutr } = parts
    const asking = { hubs, observed: dcutr.observed, clock: realClock, random: secureRandom }
    return new HubQuestions({
      clock: realClock,
      ask: onAnswer => {
        const transports: readonly Transport[] = transportManager.getTransports()
        return askHubs({ ...asking, transports }, this.#stopping.signal, onAnswer)
      },
      onMoved: ({ hub }) => this.#onChange(parts, own, { kind: 'mapping', detail: `${hub} sees us elsewhere now` }),
      onBack: () => this.events.emit('back', undefined)
    })
  }
}
