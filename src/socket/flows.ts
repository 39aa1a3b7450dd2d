import { longHeader, OWN_ID_BYTES, shortHeaderId } from './demux.ts'
import { FLOW_LIMITS, type Flow, type FlowLimits, type FlowPath, type RemoteKey } from './flow.ts'
import { type Path, type Role, type SocketId, samePath } from './path.ts'
import { PathTable } from './path-table.ts'
import { NOTHING } from './unheard.ts'

/** An engine makes a connection id or two per connection; more than these to one address are kept by nobody. */
const MAX_IDS = 64
/** How old an unproved flow must be to make room for another: enough for an honest handshake's first round trip. */
const EVICT_AFTER_MS = 1_000
/** Paths that one flow takes packets from: all that a link's agent may know at once (traversal/paths/limits.ts: pairs, former ones, peer-reflexive ones, pipes). */
const MAX_PATHS = 32 + 8 + 8 + 8

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

  /** The flow of that role at that address that new connections share: not a link's, whose path changes. */
  shared(socket: SocketId, key: RemoteKey, role: Role): Flow<Handle> | undefined {
    return this.#paths.at(socket, key).find(({ flow }) => flow.role === role && !flow.keep)?.flow
  }

  byPipe(pipe: number): FlowPath<Handle> | undefined {
    return this.#paths.byPipe(pipe)
  }

  /** The flows with this remote address, mostly one. */
  at(socket: SocketId, key: RemoteKey): readonly FlowPath<Handle>[] {
    return this.#paths.at(socket, key)
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
      accepted: false,
      openedWith: undefined,
      uses: 0,
      // what begins over a pipe goes on over others
      keep: path.kind === 'pipe',
      unheard: NOTHING,
      underWay: undefined,
      expiresAtMs: Number.POSITIVE_INFINITY
    }
    if (!flow.confirmed) this.#unconfirmed.add(flow)
    this.#flows.set(flow.id, flow)
    this.#file(flow, path, key, true)
    return flow
  }

  /**
   * From now on the flow takes packets from that path, too.
   *
   * @param validated whoever is there has answered for it. One that was may not become one that is not
   * @returns false, with nothing changed, when the pipe is another flow's, or there are too many
   */
  admit(flow: Flow<Handle>, path: Path, key: RemoteKey | undefined, validated = true): boolean {
    const there = flow.paths.find(each => samePath(each.path, path))
    if (there != null && (there.validated || !validated)) return true
    if (!this.#paths.hasRoom(path, key, validated)) return false
    if (there != null) there.validated = true
    else if (flow.paths.length >= MAX_PATHS) return false
    else this.#file(flow, path, key, validated)
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
    if (flow.keep && flow.role === 'server' && !flow.accepted) flow.openedWith ??= openedWith(bytes)
    if (flow.confirmed) return
    const id = longHeader(bytes)?.destinationId ?? shortHeaderId(bytes, OWN_ID_BYTES)
    if (id != null && flow.ids.has(id)) this.#confirm(flow)
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
    this.#unconfirmed.delete(flow)
  }

  /**
   * A peer that closed its connection and dials again at once gets the same flow, which then has to prove itself again. Not a link's, which was there
   * for one connection: its peer could keep it for as long as it likes, and nobody would know of it any more.
   */
  #reopen(flow: Flow<Handle>, bytes: Uint8Array, nowMs: number): void {
    if (flow.keep || flow.role !== 'server' || longHeader(bytes)?.opensConnection !== true) return
    flow.expiresAtMs = Number.POSITIVE_INFINITY
    flow.confirmed = false
    // old ids prove nothing
    flow.ids.clear()
    flow.openedMs = nowMs
    this.#unconfirmed.delete(flow)
    this.#unconfirmed.add(flow)
  }

  #file(flow: Flow<Handle>, path: Path, key: RemoteKey | undefined, validated: boolean): void {
    // a pipe leads to the peer, or nowhere
    const entry = { flow, path, key, validated: validated || path.kind === 'pipe', heard: 0 }
    flow.paths.push(entry)
    this.#admitted++
    this.#paths.file(entry)
  }

  #unfile(entries: readonly FlowPath<Handle>[]): void {
    for (const entry of entries) this.#paths.unfile(entry)
    this.#admitted -= entries.length
  }
}

function openedWith(bytes: Uint8Array): string | undefined {
  const header = longHeader(bytes)
  return header?.opensConnection === true ? header.destinationId : undefined
}
