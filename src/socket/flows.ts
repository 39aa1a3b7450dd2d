import { longHeader, shortHeaderId } from './demux.ts'
import { FLOW_LIMITS, type Flow, type FlowLimits, type RemoteKey } from './flow.ts'
import type { Path, Role, SocketId } from './path.ts'

/** How long the engine's own connection ids are (quinn's hashed ids). */
const OWN_ID_BYTES = 8
/** An engine makes a connection id or two per connection; more than these to one address are kept by nobody. */
const MAX_IDS = 64
/** How old an unproved flow must be to make room for another: enough for an honest handshake's first round trip. */
const EVICT_AFTER_MS = 1_000

interface Peer<Handle> {
  client?: Flow<Handle>
  server?: Flow<Handle>
}

export type Drop = 'unknown' | 'no-listener'

/** Who gets a packet that came in: flows that exist, a server flow to be made, or nobody, and why. */
export type Route<Handle> =
  | { readonly to: Flow<Handle>; readonly also?: Flow<Handle> }
  | { readonly open: 'server' }
  | { readonly drop: Drop }

/** Every flow of one switch: looked up by remote address and connection id, bounded, and expiring. */
export class FlowTable<Handle> {
  readonly #limits: FlowLimits
  readonly #flows = new Map<number, Flow<Handle>>()
  readonly #peers = new Map<SocketId, Map<RemoteKey, Peer<Handle>>>()
  /** In the order in which they came. */
  readonly #unconfirmed = new Set<Flow<Handle>>()
  #nextId = 1

  constructor(limits: FlowLimits = FLOW_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#flows.size
  }

  all(): IterableIterator<Flow<Handle>> {
    return this.#flows.values()
  }

  get(id: number): Flow<Handle> | undefined {
    return this.#flows.get(id)
  }

  /** The flow of that role to that address, when there is one. */
  find(socket: SocketId, key: RemoteKey, role: Role): Flow<Handle> | undefined {
    return this.#peers.get(socket)?.get(key)?.[role]
  }

  /** Whether there is a flow to that address. */
  knows(socket: SocketId, key: RemoteKey): boolean {
    return this.#peers.get(socket)?.has(key) === true
  }

  /** The only flow with this remote address: the fast path of a packet that is not a long header. */
  only(socket: SocketId, key: RemoteKey): Flow<Handle> | undefined {
    const peer = this.#peers.get(socket)?.get(key)
    if (peer == null || (peer.client != null && peer.server != null)) return undefined
    return peer.client ?? peer.server
  }

  /** Whether one more flow may be made; makes room among the unproved ones when that helps. */
  admit(role: Role, nowMs: number): { ok: boolean; evict?: Flow<Handle> } {
    const full = this.#flows.size >= this.#limits.maxFlows
    if (!full && (role === 'client' || this.#unconfirmed.size < this.#limits.maxUnconfirmed)) return { ok: true }
    const [oldest] = this.#unconfirmed
    if (oldest == null || nowMs - oldest.openedMs <= EVICT_AFTER_MS) return { ok: false }
    return { ok: true, evict: oldest }
  }

  add(role: Role, path: Path, key: RemoteKey | undefined, handle: Handle, nowMs: number): Flow<Handle> {
    const flow: Flow<Handle> = {
      id: this.#nextId++,
      role,
      handle,
      path,
      key,
      ids: new Set(),
      openedMs: nowMs,
      lastInMs: nowMs,
      lastOutMs: nowMs,
      confirmed: role === 'client',
      uses: 0,
      expiresAtMs: Number.POSITIVE_INFINITY
    }
    if (!flow.confirmed) this.#unconfirmed.add(flow)
    this.#flows.set(flow.id, flow)
    this.#file(flow)
    return flow
  }

  /** Files the flow under another path; packets that still come by the old one no longer reach it. */
  move(flow: Flow<Handle>, path: Path, key: RemoteKey | undefined): void {
    this.#unfile(flow)
    flow.path = path
    flow.key = key
    this.#file(flow)
  }

  remove(flow: Flow<Handle>): void {
    if (!this.#flows.delete(flow.id)) return
    this.#unconfirmed.delete(flow)
    this.#unfile(flow)
  }

  /** Notes that the engine sent a packet, and by which ids it goes. */
  sent(flow: Flow<Handle>, bytes: Uint8Array, nowMs: number): void {
    flow.lastOutMs = nowMs
    if (flow.role === 'server' && flow.confirmed) return
    const header = longHeader(bytes)
    // a version negotiation repeats an id that the other side has made up (RFC 9000 section 17.2.1)
    if (header == null || header.version === 0) return
    const id = header.sourceId
    // an empty id could be guessed by anybody
    if (id === '' || flow.ids.has(id)) return
    const [oldest] = flow.ids
    if (oldest != null && flow.ids.size >= MAX_IDS) flow.ids.delete(oldest)
    flow.ids.add(id)
  }

  /** Notes that a packet came in for the flow. */
  received(flow: Flow<Handle>, bytes: Uint8Array, nowMs: number): void {
    flow.lastInMs = nowMs
    if (flow.expiresAtMs !== Number.POSITIVE_INFINITY) this.#reopen(flow, bytes, nowMs)
    if (flow.confirmed) return
    const id = longHeader(bytes)?.destinationId ?? shortHeaderId(bytes, OWN_ID_BYTES)
    if (id != null && flow.ids.has(id)) this.#confirm(flow)
  }

  /**
   * Decides who gets a packet. A node is QUIC client and server on one port: which of the two a packet is for can only be
   * told by its destination id, and a packet for the one must not reach the other, which would answer with a stateless
   * reset (RFC 9000 section 10.3) that the sender believes, since both derive it from the same identity.
   */
  route(socket: SocketId, key: RemoteKey, bytes: Uint8Array, listening: boolean): Route<Handle> {
    if (bytes.length === 0) return { drop: 'unknown' }
    const peer = this.#peers.get(socket)?.get(key)
    const long = longHeader(bytes)
    if (peer?.client != null && (long == null ? peer.server == null : peer.client.ids.has(long.destinationId))) {
      return { to: peer.client }
    }
    if (peer?.server != null) {
      if (long != null || peer.client == null) return { to: peer.server }
      const id = shortHeaderId(bytes, OWN_ID_BYTES)
      if (id != null && peer.client.ids.has(id)) return { to: peer.client }
      // An id issued later, in an encrypted frame, which only the engine can tell. Here both must see the packet: the
      // engine's ids are keyed hashes, and an endpoint drops one that is not its own without a word.
      return { to: peer.server, also: peer.client }
    }
    if (long?.opensConnection === true) return listening ? { open: 'server' } : { drop: 'no-listener' }
    if (long != null && peer?.client != null) return { to: peer.client }
    return { drop: 'unknown' }
  }

  /** The flows whose time is over: released, never proved, or silent. A flow may be removed while this goes on. */
  *expired(nowMs: number): Generator<Flow<Handle>> {
    for (const flow of this.#flows.values()) {
      const unproved = !flow.confirmed && nowMs - flow.openedMs > this.#limits.unconfirmedMs
      const silent = nowMs - Math.max(flow.lastInMs, flow.lastOutMs) > this.#limits.idleMs
      if (unproved || silent || nowMs >= flow.expiresAtMs) yield flow
    }
  }

  /** Somebody uses the flow, a released one too: who dialled it, or whose handshake on it our server has finished. */
  retain(flow: Flow<Handle>): void {
    flow.uses++
    flow.expiresAtMs = Number.POSITIVE_INFINITY
    if (!flow.confirmed) this.#confirm(flow)
  }

  /** One of those who use it is done. @returns whether it was the last, so that the flow goes soon */
  release(flow: Flow<Handle>, nowMs: number): boolean {
    flow.uses = Math.max(0, flow.uses - 1)
    if (flow.uses > 0) return false
    flow.expiresAtMs = nowMs + this.#limits.lingerMs
    return true
  }

  #confirm(flow: Flow<Handle>): void {
    flow.confirmed = true
    flow.ids.clear()
    this.#unconfirmed.delete(flow)
  }

  /** A peer that closed its connection and dials again at once gets the same flow, which then has to prove itself again. */
  #reopen(flow: Flow<Handle>, bytes: Uint8Array, nowMs: number): void {
    if (flow.role !== 'server' || longHeader(bytes)?.opensConnection !== true) return
    flow.expiresAtMs = Number.POSITIVE_INFINITY
    flow.confirmed = false
    flow.openedMs = nowMs
    this.#unconfirmed.delete(flow)
    this.#unconfirmed.add(flow)
  }

  #file(flow: Flow<Handle>): void {
    if (flow.path.kind !== 'udp' || flow.key == null) return
    const peers = this.#peers.get(flow.path.socket) ?? new Map<RemoteKey, Peer<Handle>>()
    this.#peers.set(flow.path.socket, peers)
    const peer = peers.get(flow.key) ?? {}
    peers.set(flow.key, peer)
    peer[flow.role] = flow
  }

  #unfile(flow: Flow<Handle>): void {
    if (flow.path.kind !== 'udp' || flow.key == null) return
    const peers = this.#peers.get(flow.path.socket)
    const peer = peers?.get(flow.key)
    if (peers == null || peer == null || peer[flow.role] !== flow) return
    delete peer[flow.role]
    if (peer.client == null && peer.server == null) peers.delete(flow.key)
    if (peers.size === 0) this.#peers.delete(flow.path.socket)
  }
}
