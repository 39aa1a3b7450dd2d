import type { Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { defaultLogger } from '@libp2p/logger'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { AllowPrivate } from '../core/ip.ts'
import { secureRandom } from '../core/random.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import type { ReservationEvents } from '../libp2p/circuit/index.ts'
import type { SummarySource } from '../libp2p/links/context.ts'
import type { Links } from '../libp2p/links/links.ts'
import { openPeerRecord, sealPeerRecord } from '../libp2p/peer-record.ts'
import { RendezvousClient } from '../libp2p/rendezvous/client.ts'
import { Callers } from './callers.ts'
import { dialBack } from './dial-back.ts'
import type { Dials } from './dials.ts'
import type { Searching } from './find.ts'
import type { Registered } from './hub-registration.ts'
import { isLoopbackHub } from './hubs.ts'
import { recordAddresses } from './own-addresses.ts'
import { Registration } from './registration.ts'
import { Watches } from './watch.ts'

export interface NodeRendezvousInit {
  readonly libp2p: Libp2p
  readonly transportManager: TransportManager
  readonly privateKey: PrivateKey
  readonly hubs: readonly Multiaddr[]
  readonly links: Links
  readonly reservations: Events<ReservationEvents>
  readonly summary: SummarySource
  readonly dials: Dials
  readonly allowPrivate: AllowPrivate
  isConnected(peer: PeerId): boolean
}

/** Whether a hub keeps a node's record, and if not, why: for people. */
export interface HubRegistered extends Registered {
  readonly hub: string
}

export type NodeRendezvousEvents = {
  registered: HubRegistered
  called: { readonly peer: string }
}

/** What a node does at its hubs to be found: its record, the peers that it watches, and those that call it. */
export class NodeRendezvous {
  readonly events = new Events<NodeRendezvousEvents>()
  readonly client: RendezvousClient
  readonly watches: Watches
  readonly #registration: Registration
  readonly #sealNow: () => Promise<Uint8Array>
  readonly #registered = new Map<string, HubRegistered>()
  readonly #off: readonly (() => void)[]

  constructor(init: NodeRendezvousInit) {
    const { libp2p, privateKey, hubs, links, reservations, summary, dials, allowPrivate } = init
    const log = defaultLogger().forComponent('beeline:rendezvous')
    const tools = { clock: realClock, random: secureRandom, wallMs: Date.now }
    this.client = new RendezvousClient({
      ...tools,
      log,
      hubs: hubs.flatMap(hub => lastPeer(hub) ?? []),
      connectTo: async (hub, signal) => {
        const address = hubs.find(each => lastPeer(each)?.equals(hub))
        if (address == null) throw new NatError('BAD_ADDRESS', `${hub} is none of this node's hubs`)
        return await links.connectTo(address, signal)
      }
    })
    this.watches = new Watches({ ...tools, watch: (peer, listener) => this.client.watch(peer, listener) })
    const whereabouts = () => ({
      addresses: recordAddresses(libp2p.getMultiaddrs(), allowPrivate, hubs.every(isLoopbackHub)),
      summary: summary.current()
    })
    this.#sealNow = () => sealPeerRecord(privateKey, { seq: Date.now(), ...whereabouts() })
    this.#registration = new Registration({
      ...tools,
      hubs: this.client.hubs,
      whereabouts,
      seal: record => sealPeerRecord(privateKey, record),
      open: envelope => openPeerRecord(envelope, libp2p.peerId),
      send: (hub, envelope) => this.client.register(hub, envelope),
      isBusy: () => dials.running > 0,
      onRegistered: (hub, registered) => {
        log('%p: %s', hub, registered.ok ? 'it has our record' : registered.detail)
        const told = { hub: hub.toString(), ...registered }
        this.#registered.set(told.hub, told)
        this.events.emit('registered', told)
      },
      onProblem: error => log.error('there is no record of ours - %e', error)
    })
    const changed = () => this.#registration.changed()
    libp2p.addEventListener('self:peer:update', changed)
    this.#off = [
      () => libp2p.removeEventListener('self:peer:update', changed),
      summary.onChange(changed),
      reservations.on('reserved', ({ relay }) => {
        this.client.hubBack(relay)
        this.#registration.hubBack(relay)
      }),
      reservations.on('lost', ({ relay }) => {
        this.client.hubGone(relay)
        this.#registration.hubGone(relay)
        this.#lost(relay.toString())
        changed()
      })
    ]
  }

  /** What became of the registration at each hub that we are connected to. */
  get registered(): readonly HubRegistered[] {
    return [...this.#registered.values()]
  }

  /** Our record: that which hubs have, or one for a call that is made before they have any, because a connect goes first. */
  async record(): Promise<Uint8Array> {
    return this.#registration.envelope ?? (await this.#sealNow())
  }

  /** Connects to who calls. To be called when there is what peers are looked for with. */
  answerCalls(init: NodeRendezvousInit, search: Pick<Searching, 'own' | 'otherRelays'>): void {
    const { libp2p, isConnected } = init
    const callers = new Callers({
      self: libp2p.peerId,
      clock: realClock,
      wallMs: Date.now,
      isConnected,
      dial: caller => dialBack({ ...init, ...search, clock: realClock }, caller),
      onCalled: peer => this.events.emit('called', { peer: peer.toString() }),
      onProblem: error => libp2p.logger.forComponent('beeline:rendezvous')('a call came to nothing - %e', error)
    })
    this.client.events.on('called', call => void callers.called(call))
  }

  /** A hub lets go of the record of who has no reservation there. */
  #lost(hub: string): void {
    const before = this.#registered.get(hub)
    this.#registered.delete(hub)
    if (before?.ok !== true) return
    this.events.emit('registered', { hub, ok: false, detail: 'the reservation there is lost, and asked for again' })
  }

  /** Says goodbye to the hubs: before they are left. */
  async stop(): Promise<void> {
    for (const off of this.#off) off()
    this.watches.stop()
    await this.#registration.stop()
    this.client.stop()
    this.events.clear()
  }
}
