import type { Connection, IdentifyResult, PeerId, Stream } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { NetworkReachability } from '../libp2p/autonat/index.ts'
import type { ReservationEvents } from '../libp2p/circuit/index.ts'
import { Links } from '../libp2p/links/links.ts'
import { MappedPorts } from '../libp2p/mapped/ports.ts'
import { LocalDiscovery } from '../libp2p/mdns/discovery.ts'
import type { NetworkReport } from '../nat/report.ts'
import type { Mapped } from '../portmap/index.ts'
import { systemHost } from '../socket/system/host.ts'
import { type ConnectOptions, connect } from './connect.ts'
import { Dials } from './dials.ts'
import { Examinations } from './examinations.ts'
import type { ExamineOptions } from './examine.ts'
import { openExperience } from './experience.ts'
import { explainLink } from './explain-link.ts'
import { goDirect } from './go-direct.ts'
import { reachable } from './hubs.ts'
import { leaveRelays } from './leave-relays.ts'
import { createNodeLibp2p } from './libp2p.ts'
import { Link } from './link.ts'
import { NodeNetwork } from './network.ts'
import type { NodeEvents } from './node-events.ts'
import { type NodeOptions, settingsOf } from './options.ts'
import { OtherRelays } from './other-relays.ts'
import { pathOf } from './path.ts'
import { parsePeer } from './peer.ts'
import { withNeighbours } from './registered.ts'
import { type HubRegistered, NodeRendezvous } from './rendezvous.ts'
import { searchOf } from './search.ts'
import type { Watch } from './watch.ts'

export type { ConnectOptions } from './connect.ts'
export type { NodeEvents } from './node-events.ts'
export type { NodeOptions } from './options.ts'
export type { Watch } from './watch.ts'

export type StreamHandler = (stream: Stream, peer: string) => void | Promise<void>

export type Node = Awaited<ReturnType<typeof createNode>>

/**
 * Starts a node: it keeps a reservation at each hub, so that others reach it, and connects to peers by their id.
 *
 * @throws NatError NO_HUB when none of the hubs answers, BAD_ADDRESS, BAD_OPTION
 */
export async function createNode(options: NodeOptions) {
  const { hubs, tokenFor, hubIds, allowPrivate, portMapping, examines, mdns, registered, techniques } =
    settingsOf(options)
  const reservations = new Events<ReservationEvents>()
  const ports = new MappedPorts()
  const network = new NodeNetwork()
  const dials = new Dials()
  const otherRelays = new OtherRelays()
  const examinations = new Examinations(() => dials.running > 0)
  const log = defaultLogger().forComponent('beeline:node')
  const experience = await openExperience(options.memoryFile, problem => log('what worked is not kept - %e', problem))
  const lan = mdns ? new LocalDiscovery(systemHost) : undefined
  const relayed = new Links({
    candidates: network.candidates,
    relays: peer => (peer == null ? hubs : [...hubs, ...otherRelays.of(peer.toString())]),
    allowPrivate,
    registered: lan == null ? registered : withNeighbours(registered, lan.neighbours),
    summary: examinations.summary,
    experience,
    ...(techniques == null ? {} : { techniques })
  })
  const { libp2p, transportManager, privateKey } = await createNodeLibp2p({
    key: options.key,
    circuits: { events: reservations, links: relayed, tokenFor },
    links: relayed,
    hubIds,
    allowPrivate,
    techniques,
    ports,
    portMapping,
    lan
  })
  network.start({ ...libp2p.services, links: relayed, events: libp2p, transportManager, hubs, ports, allowPrivate })
  const hubConnections = () => libp2p.getConnections().filter(({ remotePeer }) => hubIds.has(remotePeer.toString()))
  const links = new Map<string, Link>()
  const stopping = new AbortController()
  const leaving = { libp2p, otherRelays, isLinked: (id: string) => links.has(id), signal: stopping.signal }
  const events = new Events<NodeEvents>()

  const linkTo = (peer: PeerId): Link => {
    const known = links.get(peer.toString())
    if (known != null) return known
    const link = new Link(libp2p, relayed, peer)
    links.set(peer.toString(), link)
    link.events.on('close', () => {
      links.delete(peer.toString())
      leaveRelays(peer.toString(), leaving)
    })
    events.emit('link', link)
    return link
  }
  const explain = (peer: string) =>
    explainLink(
      { peer, path: undefined, attempts: [], history: [], traversal: undefined, lookups: [] },
      examinations.summary.current()
    )
  const toForeign = (link: Link, peer: PeerId) =>
    goDirect(link, peer, {
      techniques: registered,
      allowed: techniques && new Set(techniques),
      summary: () => examinations.summary.current(),
      dcutr: libp2p.services.dcutr,
      dial: (address, signal) => transportManager.dial(address, { signal })
    })
  // a link that has no path left may be that of a peer which is gone: who is back has to be dialled
  const isConnected = (peer: PeerId) =>
    libp2p.getConnections(peer).some(each => each.status === 'open' && relayed.of(each)?.isCutOff !== true)
  const known = { libp2p, transportManager, hubs, hubIds, allowPrivate, isConnected }
  const rendezvousParts = { ...known, privateKey, links: relayed, reservations, summary: examinations.summary, dials }
  const rendezvous = new NodeRendezvous(rendezvousParts)
  const search = searchOf({
    ...known,
    otherRelays,
    rendezvous: rendezvous.client,
    ownRecord: () => rendezvous.record()
  })
  rendezvous.answerCalls(rendezvousParts, search)
  /** Hubs, and relays that we go to peers by, are no peers. */
  const isRelay = (connection: Connection) => {
    const id = connection.remotePeer.toString()
    return hubIds.has(id) || (otherRelays.has(connection) && !links.has(id))
  }
  const onConnection = ({ detail: connection }: CustomEvent<Connection>) => {
    const id = connection.remotePeer.toString()
    if (isRelay(connection)) return
    // who dials us may be nobody: a hub's AutoNAT dials back under a name made up for it, and says no more of itself
    const unnamed = connection.direct && connection.direction === 'inbound'
    // a direct connection counts when DCUtR has proved it, which its own event tells a moment later
    if (connection.status === 'open' && !unnamed) linkTo(connection.remotePeer).refresh()
    else links.get(id)?.refresh()
  }
  const onIdentify = ({ detail: { connection } }: CustomEvent<IdentifyResult>) => {
    if (connection.status === 'open' && !isRelay(connection)) linkTo(connection.remotePeer).refresh()
  }
  libp2p.addEventListener('connection:open', onConnection)
  libp2p.addEventListener('connection:close', onConnection)
  libp2p.addEventListener('peer:identify', onIdentify)
  libp2p.services.autonat.events.on('reachability', reachability => events.emit('reachability', reachability))
  relayed.events.on('session', session => linkTo(session.peer).adopt(session))
  ports.events.on('mapped', mapped => events.emit('mapped', mapped))
  rendezvous.events.on('registered', registered => events.emit('registered', registered))
  rendezvous.events.on('called', called => events.emit('called', called))
  reservations.on('reserved', ({ relay }) => {
    relayed.hubBack()
    network.hubBack()
    examinations.summary.hubBack()
    events.emit('reservation', { hub: relay.toString(), held: true })
  })
  reservations.on('lost', ({ relay }) => events.emit('reservation', { hub: relay.toString(), held: false }))
  network.events.on('back', () => examinations.summary.hubBack())
  network.events.on('change', change => {
    // what is not seen on this machine is another NAT, or what that does now
    const isOutside = change.kind === 'mapping' || change.kind === 'silence'
    examinations.summary.networkChanged(isOutside)
    if (!isOutside) lan?.networkChanged()
    events.emit('network', change)
  })
  libp2p.services.dcutr.events.on('direct', ({ peer, connection }) => links.get(peer.toString())?.won(connection))
  libp2p.services.dcutr.events.on('attempt', ({ peer, attempt }) => links.get(peer.toString())?.tried(attempt))

  try {
    const started = reachable(reservations, hubIds, options.signal)
    transportManager.listen(hubs.map(hub => hub.encapsulate('/p2p-circuit'))).catch(() => {})
    await started
  } catch (error) {
    await rendezvous.stop()
    network.stop()
    examinations.summary.stop()
    await libp2p.stop()
    throw error
  }

  examinations.start({ libp2p, transportManager, hubs, ports, portMapping }, examines)

  return {
    id: libp2p.peerId.toString(),
    events,
    get addrs(): string[] {
      return libp2p.getMultiaddrs().map(String)
    },

    /** Whether anybody can dial us, by family: what a hub has found that tried. */
    get reachability(): NetworkReachability {
      return libp2p.services.autonat.reachability
    },

    /**
     * Connects to a peer. Whoever connects to the same one meanwhile shares the dial, and 64 peers are dialled at once; more wait in line.
     *
     * @throws NatError BAD_ADDRESS, PEER_OFFLINE, HUB_REFUSED, TIMEOUT, STILL_RELAYED
     */
    async connect(id: string, options: ConnectOptions = {}): Promise<Link> {
      return await connect({ search, dials, isConnected, linkTo, goDirect: toForeign, explain }, id, options)
    },

    /**
     * Watches a peer: tells when it comes, is somewhere else, and goes, by records that it has signed itself, over all hubs.
     *
     * @throws NatError BAD_ADDRESS; LIMIT when 1,024 peers are watched already
     */
    watch(id: string): Watch {
      return rendezvous.watches.watch(parsePeer(id))
    },

    async handle(protocol: string, handler: StreamHandler): Promise<void> {
      await libp2p.handle(protocol, (stream, connection) => handler(stream, connection.remotePeer.toString()), {
        runOnLimitedConnection: true,
        maxInboundStreams: 1_024,
        maxOutboundStreams: 1_024
      })
    },

    /**
     * Finds out what network this is: what its NATs do, which ports the router maps, whether anybody can dial us. Five seconds at
     * most, without `full`.
     *
     * @throws the signal's reason
     */
    async examine(options?: ExamineOptions): Promise<NetworkReport> {
      return await examinations.examine(options)
    },

    /** At which hubs there is a record of us, and why not at the others; of those that we are at. */
    get registered(): readonly HubRegistered[] {
      return rendezvous.registered
    },

    /** Ports that the router has mapped. */
    get mapped(): readonly Mapped[] {
      return ports.mapped
    },

    /** How the hubs are reached: for people. */
    get hubPaths() {
      return hubConnections().map(connection => pathOf(connection))
    },

    /** Says goodbye to the hubs, which takes half a second at most where one does not answer, and ends all connections. */
    async stop(): Promise<void> {
      stopping.abort(new NatError('LINK_CLOSED', 'the node stops'))
      await rendezvous.stop()
      network.stop()
      examinations.summary.stop()
      // what is found until the last moment is kept as well
      await libp2p.stop()
      await experience.stop()
      events.clear()
    }
  }
}
