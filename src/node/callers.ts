import type { PeerId } from '@libp2p/interface'
import { Allowance } from '../core/allowance.ts'
import type { Clock } from '../core/clock.ts'
import { type KnownPeer, openPeerRecord } from '../libp2p/peer-record.ts'
import type { RendezvousEvents } from '../libp2p/rendezvous/api.ts'

export const CALLERS = {
  /** By hub. Who calls is known when the signature is checked, which takes well below a millisecond. */
  checks: { burst: 64, refillMs: 1_000, maxKeys: 64 },
  /** Dials, by hub: identities cost nothing, and what they have us dial must not be a way to use up what a node has. */
  dials: { burst: 16, refillMs: 5_000, maxKeys: 64 },
  /**
   * Dials, by caller: one that calls again and again takes nothing from the others. A hub brings 16 + 4 * 30 / 5 = 40 callers before the first of them
   * is as good as new, so that there is room for those of 25 hubs.
   */
  dialsOfCaller: { burst: 4, refillMs: 30_000, maxKeys: 1_024 },
  /** Connecting back. The caller waits for five. */
  dialMs: 10_000,
  /** Beyond the time that it is kept, a hub must not come with the record of a caller of old. */
  lateMs: 86_400_000
} as const

export interface CallersInit {
  readonly self: PeerId
  readonly clock: Clock
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  readonly isConnected: (peer: PeerId) => boolean
  /** Connects to the peer by the addresses of its record. */
  readonly dial: (caller: KnownPeer) => Promise<void>
  /** A peer wants a connection; it has signed that. */
  readonly onCalled: (peer: PeerId) => void
  readonly onProblem: (error: Error) => void
}

/** Peers that cannot connect to us, and have a hub tell us that they would like to: we connect to them. */
export class Callers {
  readonly #init: CallersInit
  readonly #checks = new Allowance(CALLERS.checks)
  readonly #dials = new Allowance(CALLERS.dials)
  readonly #dialsOfCaller = new Allowance(CALLERS.dialsOfCaller)

  constructor(init: CallersInit) {
    this.#init = init
  }

  /** Never rejects. */
  async called({ hub, envelope }: RendezvousEvents['called']): Promise<void> {
    const { self, clock, wallMs, isConnected, dial, onCalled, onProblem } = this.#init
    // before anything is done for it
    if (!this.#checks.take(hub.toString(), clock.now())) return
    try {
      const caller = await openPeerRecord(envelope)
      const keptUntilMs = (caller.issuedAtSeconds + caller.lifetimeSeconds) * 1_000
      if (caller.left || caller.peer.equals(self) || wallMs() > keptUntilMs + CALLERS.lateMs) return
      const isThere = isConnected(caller.peer)
      if (!isThere && !this.#mayDial(caller.peer, hub)) return
      onCalled(caller.peer)
      if (!isThere) await dial(caller)
    } catch (error) {
      onProblem(error as Error)
    }
  }

  /** A caller that has used up its own share costs its hub nothing. */
  #mayDial(caller: PeerId, hub: PeerId): boolean {
    const nowMs = this.#init.clock.now()
    // the hub's first: callers that it may not bring any more are not remembered
    if (!this.#dials.has(hub.toString(), nowMs)) return false
    return this.#dialsOfCaller.take(caller.toString(), nowMs) && this.#dials.take(hub.toString(), nowMs)
  }
}
