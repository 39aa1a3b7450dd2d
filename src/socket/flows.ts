import { longHeader, shortHeaderId } from './demux.ts'
import { FLOW_LIMITS, type Flow, type FlowLimits, type FlowPath, type RemoteKey } from './flow.ts'
import { type Path, type Role, type SocketId, samePath } from './path.ts'
import { PathTable } from './path-table.ts'

/** How long the engine's own connection ids are (quinn's hashed ids). */
const OWN_ID_BYTES = 8
/** An engine makes a connection id or two per connection; more than these to one address are kept by nobody. */
const MAX_IDS = 64
/** How old an unproved flow must be to make room for another: enough for an honest handshake's first round trip. */
const EVICT_AFTER_MS = 1_000
/** Paths that one flow takes packets from: both families of the candidates that one peer may have (wire/path.ts), and pipes. */
const MAX_PATHS = 40

export type Drop = 'unknown' | 'no-listener'

/** Who gets a packet that came in: flows that exist, a server flow to be made, or nobody, and why. */
export type Route<Handle> =
  | { readonly to: FlowPath<Handle>; readonly also?: FlowPath<Handle> }
  | { readonly open: 'server' }
  | { readonly drop: Drop }

/** Every flow of one switch: looked up by remote address and connection id, bounded, and expiring. */
export class FlowTable<Handle> {
  readonly #limits: FlowLimits
  readonly #flows = new Map<number, Flow<Handle>>()
  readonly #paths = new PathTable<Handle>()
  /** In the order in which they came. */
  readonly #unconfirmed = new Set<Flow<Handle>>()
  #nextId = 1
  #admitted = 0

  constructor(limits: FlowLimits = FLOW_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#flows.size
  }

  /** Paths that flows take packets from, in all. */
  get admitted(): number {
    return this.#admitted
  }

  all(): IterableIterator<Flow<Handle>> {
    return this.#flows.values()
  }

  get(id: number): Flow<Handle> | undefined {
    return this.#flows.get(id)
  }

  /** Whose packets come by that path, when they are for that role. */
  holder(path: Path, key: RemoteKey | undefined, role: Role): Flow<Handle> | undefined {
    return this.#paths.holder(path, key, role)?.flow
  }

  byPipe(pipe: number): FlowPath<Handle> | undefined {
    return this.#paths.byPipe(pipe)
  }

  /** Whether there is a flow to that address. */
  knows(socket: SocketId, key: RemoteKey): boolean {
    return this.#paths.at(socket, key) != null
  }

  /** The only flow with this remote address: the fast path of a packet that is not a long header. */
  only(socket: SocketId, key: RemoteKey): FlowPath<Handle> | undefined {
    const peer = this.#paths.at(socket, key)
    if (peer == null || (peer.client != null && peer.server != null)) return undefined
    return peer.client ?? peer.server
  }

  /** Whether one more flow may be made; makes room among the unproved ones when that helps. */
  room(role: Role, nowMs: number): { ok: boolean; evict?: Flow<Handle> } {
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
      also: undefined,
      paths: [],
      ids: new Set(),
      openedMs: nowMs,
      lastInMs: nowMs,
      lastOutMs: nowMs,
      sent: 0,
      confirmed: role === 'client',
      uses: 0,
      // what begins over a pipe goes on over others
      keep: path.kind === 'pipe',
      expiresAtMs: Number.POSITIVE_INFINITY
    }
    if (!flow.confirmed) this.#unconfirmed.add(flow)
    this.#flows.set(flow.id, flow)
    this.admit(flow, path, key)
    return flow
  }

  /**
   * From now on the flow takes packets from that path, too; those of another flow of its role are not taken away.
   *
   * @returns whether it does
   */
  admit(flow: Flow<Handle>, path: Path, key: RemoteKey | undefined): boolean {
    const holder = this.#paths.holder(path, key, flow.role)
    if (holder != null) return holder.flow === flow
    if (flow.paths.length >= MAX_PATHS) return false
    const entry = { flow, path, key, heard: 0 }
    flow.paths.push(entry)
    this.#admitted++
    this.#paths.file(entry)
    return true
  }

  dismiss(flow: Flow<Handle>, path: Path): void {
    const at = flow.paths.findIndex(each => samePath(each.path, path))
    if (at >= 0) this.#unfile(flow.paths.splice(at, 1))
  }

  remove(flow: Flow<Handle>): void {
    if (!this.#flows.delete(flow.id)) return
    this.#unconfirmed.delete(flow)
    this.#unfile(flow.paths.splice(0))
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
    const peer = this.#paths.at(socket, key)
    const long = longHeader(bytes)
    if (peer?.client != null && (long == null ? peer.server == null : peer.client.flow.ids.has(long.destinationId))) {
      return { to: peer.client }
    }
    if (peer?.server != null) {
      if (long != null || peer.client == null) return { to: peer.server }
      const id = shortHeaderId(bytes, OWN_ID_BYTES)
      if (id != null && peer.client.flow.ids.has(id)) return { to: peer.client }
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
      const kept = flow.keep && flow.uses > 0
      const silent = !kept && nowMs - Math.max(flow.lastInMs, flow.lastOutMs) > this.#limits.idleMs
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

  #unfile(entries: readonly FlowPath<Handle>[]): void {
    for (const entry of entries) this.#paths.unfile(entry)
    this.#admitted -= entries.length
  }
}
