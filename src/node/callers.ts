import type { PeerId } from '@libp2p/interface'
import { Allowance } from '../core/allowance.ts'
import type { Clock } from '../core/clock.ts'
import { type KnownPeer, openPeerRecord } from '../libp2p/peer-record.ts'
import type { RendezvousEvents } from '../libp2p/rendezvous/api.ts'

export const CALLERS = {
  /** By hub. A call has us check a signature, and dial whoever has made one: it must not be a way to use up what a node has. */
  calls: { burst: 8, refillMs: 10_000, maxKeys: 64 },
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
  readonly #calls = new Allowance(CALLERS.calls)

  constructor(init: CallersInit) {
    this.#init = init
  }

  /** Never rejects. */
  async called({ hub, envelope }: RendezvousEvents['called']): Promise<void> {
    const { self, clock, wallMs, isConnected, dial, onCalled, onProblem } = this.#init
    // before anything is done for it
    if (!this.#calls.take(hub.toString(), clock.now())) return
    try {
      const caller = await openPeerRecord(envelope)
      const keptUntilMs = (caller.issuedAtSeconds + caller.lifetimeSeconds) * 1_000
      if (caller.left || caller.peer.equals(self) || wallMs() > keptUntilMs + CALLERS.lateMs) return
      onCalled(caller.peer)
      if (!isConnected(caller.peer)) await dial(caller)
    } catch (error) {
      onProblem(error as Error)
    }
  }
}
