import type { LongHeader } from './demux.ts'
import { CLOSE, clientInitial } from './initial.ts'

export interface HandshakeLimits {
  /** To one address at once. An honest peer has one or two, and a few more when it is refused and tries again. */
  readonly perFlow: number
  /** In all. Each holds some 140 kB of memory, most of it the engine's for the streams that it may have one day. */
  readonly inAll: number
  /** How old one must be to make room for another: enough for an honest one to finish, over any path that one would want. */
  readonly endAfterMs: number
  /** How long one may take: the engine's own dials have given up by then. */
  readonly lifeMs: number
}

export const HANDSHAKE_LIMITS: HandshakeLimits = { perFlow: 4, inAll: 128, endAfterMs: 2_000, lifeMs: 10_000 }

interface Handshake<F> {
  readonly flow: F
  readonly host: string
  /** The id that the client made up for our engine's server. */
  readonly destinationId: string
  readonly clientId: string
  readonly startMs: number
  /** The id that the engine has made up; absent until it answers. */
  engineId: string | undefined
}

/** A handshake that ends before it is finished: what to tell the engine, in the name of its client. */
export interface Ended<F> {
  readonly flow: F
  readonly close: Uint8Array | undefined
}

/** `ended`: what had to make room. */
export interface Admission<F> {
  readonly ok: boolean
  readonly ended?: Ended<F>
}

/**
 * The handshakes that the engine's server has begun and not finished, bounded and ended in time. The engine has no timeout for
 * them but the idle one, which a client prolongs with a packet every now and then; it has a fixed number of takers, each of which
 * a handshake occupies; and it keeps 65,536 more waiting. Forty forged packets would lock everybody out.
 *
 * Hosts share the room: who floods us from an address of its own ends its own handshakes before those of others.
 *
 * It cannot be told to give one up, but an Initial's keys are known to all who saw it, so a CONNECTION_CLOSE can be sent in
 * the client's name. One too many does no harm: who has finished the handshake has thrown those keys away
 * (RFC 9001 section 4.9.1).
 */
export class Handshakes<F> {
  readonly #limits: HandshakeLimits
  /** In the order in which they began. */
  readonly #all = new Set<Handshake<F>>()
  readonly #byFlow = new Map<F, Handshake<F>[]>()
  /** In the same order. */
  readonly #byHost = new Map<string, Set<Handshake<F>>>()

  constructor(limits: HandshakeLimits = HANDSHAKE_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  /** Whether one more of that host may begin. */
  hasRoom(host: string, nowMs: number): boolean {
    return this.#all.size < this.#limits.inAll || this.#whoMakesRoom(host, nowMs) != null
  }

  /** Whether the engine gets this Initial of a client: it goes on with a handshake, or begins one that there is room for. */
  admit(
    flow: F,
    host: string,
    { destinationId, sourceId }: LongHeader,
    nowMs: number,
    perFlow = this.#limits.perFlow
  ): Admission<F> {
    const begun = this.#byFlow.get(flow) ?? []
    if (begun.some(each => each.destinationId === destinationId || each.engineId === destinationId)) return { ok: true }
    if (begun.length >= perFlow) {
      // what the engine has not answered by then it has refused, and has forgotten
      const refused = begun.find(each => each.engineId == null && this.#mayEnd(each, nowMs))
      if (refused == null) return { ok: false }
      this.#remove(refused)
    }
    let ended: Ended<F> | undefined
    if (this.#all.size >= this.#limits.inAll) {
      const other = this.#whoMakesRoom(host, nowMs)
      if (other == null) return { ok: false }
      ended = this.#end(other)
    }
    this.#add({ flow, host, destinationId, clientId: sourceId, startMs: nowMs, engineId: undefined })
    return ended == null ? { ok: true } : { ok: true, ended }
  }

  /** The engine's server has sent this for the flow. */
  answered(flow: F, { destinationId, sourceId }: LongHeader): void {
    const handshake = this.#byFlow.get(flow)?.find(each => each.engineId == null && each.clientId === destinationId)
    if (handshake != null) handshake.engineId = sourceId
  }

  /** The engine's server has a connection by this flow. If it has begun several, which one does not matter: see above. */
  finished(flow: F): void {
    const begun = this.#byFlow.get(flow)
    const handshake = begun?.find(each => each.engineId != null) ?? begun?.[0]
    if (handshake != null) this.#remove(handshake)
  }

  /** Ends those whose time is over. */
  *expired(nowMs: number): Generator<Ended<F>> {
    for (const handshake of this.#all) {
      if (nowMs - handshake.startMs < this.#limits.lifeMs) return
      yield this.#end(handshake)
    }
  }

  /** Ends all of a flow that is about to go. */
  *endAll(flow: F): Generator<Ended<F>> {
    for (const handshake of [...(this.#byFlow.get(flow) ?? [])]) yield this.#end(handshake)
  }

  /** The oldest, when it had its time; else one of a host that has more than this one would have. */
  #whoMakesRoom(host: string, nowMs: number): Handshake<F> | undefined {
    const [oldest] = this.#all
    if (oldest == null || this.#mayEnd(oldest, nowMs)) return oldest
    const own = this.#byHost.get(host)?.size ?? 0
    // who has a fair share already gets no other's, and a flood of its packets no search for each of them
    if (own * this.#byHost.size >= this.#all.size) return undefined
    let most: Set<Handshake<F>> | undefined
    for (const each of this.#byHost.values()) if (each.size > (most?.size ?? own + 1)) most = each
    return most?.values().next().value
  }

  #mayEnd({ startMs }: Handshake<F>, nowMs: number): boolean {
    return nowMs - startMs >= this.#limits.endAfterMs
  }

  #end(handshake: Handshake<F>): Ended<F> {
    this.#remove(handshake)
    const { flow, engineId, destinationId, clientId } = handshake
    if (engineId == null) return { flow, close: undefined }
    return { flow, close: clientInitial({ destinationId, sourceId: clientId, ...CLOSE }) }
  }

  #add(handshake: Handshake<F>): void {
    const { flow, host } = handshake
    this.#all.add(handshake)
    this.#byFlow.set(flow, [...(this.#byFlow.get(flow) ?? []), handshake])
    this.#byHost.set(host, (this.#byHost.get(host) ?? new Set()).add(handshake))
  }

  #remove(handshake: Handshake<F>): void {
    const { flow, host } = handshake
    this.#all.delete(handshake)
    const rest = (this.#byFlow.get(flow) ?? []).filter(each => each !== handshake)
    if (rest.length === 0) this.#byFlow.delete(flow)
    else this.#byFlow.set(flow, rest)
    const ofHost = this.#byHost.get(host)
    ofHost?.delete(handshake)
    if (ofHost?.size === 0) this.#byHost.delete(host)
  }
}
