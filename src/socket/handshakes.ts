import { clientInitial } from './client-initial.ts'
import type { LongHeader } from './demux.ts'

export interface HandshakeLimits {
  /** To one address at once. An honest peer has one or two, and a few more when it is refused and tries again. */
  readonly perFlow: number
  /** In all. Each holds 60 kB and more of the engine's memory, most of it for the streams that it may open one day. */
  readonly inAll: number
  /** How old one must be to make room for another: enough for an honest one to finish, over any path that one would want. */
  readonly endAfterMs: number
  /** How long one may take: the engine's own dials have given up by then. */
  readonly lifeMs: number
}

export const HANDSHAKE_LIMITS: HandshakeLimits = { perFlow: 4, inAll: 128, endAfterMs: 2_000, lifeMs: 10_000 }

/** Far beyond what a client has sent by then, so that the engine does not take it for a repetition. */
const CLOSE_PACKET_NUMBER = 0x3fff_ffff
/** CONNECTION_CLOSE, NO_ERROR, no frame to blame, no words (RFC 9000 section 19.19). */
const CLOSE_FRAME = Uint8Array.of(0x1c, 0, 0, 0)

interface Handshake<F> {
  readonly flow: F
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

/**
 * The handshakes that the engine's server has begun and not finished, bounded and ended in time. The engine has no timeout for
 * them but the idle one, which a client prolongs with a packet every now and then; it has a fixed number of takers, each of which
 * a handshake occupies; and it keeps 65,536 more waiting. Forty forged packets would lock everybody out.
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

  constructor(limits: HandshakeLimits = HANDSHAKE_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#all.size
  }

  /** Whether one more may begin; the oldest makes room when it had its time. */
  hasRoom(nowMs: number): boolean {
    const [oldest] = this.#all
    return this.#all.size < this.#limits.inAll || (oldest != null && this.#mayEnd(oldest, nowMs))
  }

  /** Whether the engine gets this Initial of a client: it goes on with a handshake, or begins one that there is room for. */
  admit(flow: F, { destinationId, sourceId }: LongHeader, nowMs: number): { ok: boolean; ended?: Ended<F> } {
    const begun = this.#byFlow.get(flow) ?? []
    if (begun.some(each => each.destinationId === destinationId || each.engineId === destinationId)) return { ok: true }
    const full = begun.length >= this.#limits.perFlow
    // what the engine has not answered by then it has refused, and has forgotten
    const replaced = full ? begun.find(each => each.engineId == null && this.#mayEnd(each, nowMs)) : undefined
    if (replaced != null) this.#remove(replaced)
    if ((full && replaced == null) || !this.hasRoom(nowMs)) return { ok: false }
    const [oldest] = this.#all
    const ended = oldest != null && this.#all.size >= this.#limits.inAll ? this.#end(oldest) : undefined
    const handshake: Handshake<F> = { flow, destinationId, clientId: sourceId, startMs: nowMs, engineId: undefined }
    this.#all.add(handshake)
    this.#byFlow.set(flow, [...(this.#byFlow.get(flow) ?? []), handshake])
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

  #mayEnd({ startMs }: Handshake<F>, nowMs: number): boolean {
    return nowMs - startMs >= this.#limits.endAfterMs
  }

  #end(handshake: Handshake<F>): Ended<F> {
    this.#remove(handshake)
    const { flow, engineId, destinationId, clientId } = handshake
    if (engineId == null) return { flow, close: undefined }
    const names = { destinationId, sourceId: clientId }
    return { flow, close: clientInitial({ ...names, packetNumber: CLOSE_PACKET_NUMBER, frames: CLOSE_FRAME }) }
  }

  #remove(handshake: Handshake<F>): void {
    this.#all.delete(handshake)
    const begun = this.#byFlow.get(handshake.flow) ?? []
    const rest = begun.filter(each => each !== handshake)
    if (rest.length === 0) this.#byFlow.delete(handshake.flow)
    else this.#byFlow.set(handshake.flow, rest)
  }
}
