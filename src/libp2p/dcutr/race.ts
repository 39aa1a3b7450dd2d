import type { Connection } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import type { TechniqueName } from '../../traversal/attempt.ts'
import type { Side } from '../../traversal/upgrade.ts'
import { candidateOf } from '../candidate.ts'
import { allPunchersOf, type Context, TIMES } from './context.ts'
import { carriesBytes } from './prove.ts'

/** `rest`: between two rounds; `talk`: messages go over the relay; `punch`: packets go over the direct path. */
export type Stage = 'rest' | 'talk' | 'punch'

export interface Winner {
  readonly connection: Connection
  readonly technique: TechniqueName
}

export interface RaceInit {
  /** Aborts when the service stops. */
  readonly stopped: AbortSignal
  /** Which side we are on now. */
  readonly side: () => Side
  readonly onWon: (reason: NatError) => void
  /** A connection came up that lost the race. */
  readonly onLoser: (connection: Connection) => void
}

/** The direct connections to one peer that come up in an upgrade: the first that carries bytes wins. */
export class Race {
  winner: Winner | undefined
  unproven = 0
  readonly #context: Context
  readonly #init: RaceInit
  readonly #won = new AbortController()
  readonly #offers = new Map<string, Promise<boolean>>()
  readonly #reversals = new Set<string>()

  constructor(context: Context, init: RaceInit) {
    this.#context = context
    this.#init = init
  }

  /** Marks a connection as made by connection reversal. */
  reversed(connection: Connection): void {
    this.#reversals.add(connection.id)
  }

  /**
   * A direct connection has come up, by whatever way.
   *
   * @param stage of the session, at this moment
   * @returns whether it carries bytes
   */
  offer(connection: Connection, stage: Stage): Promise<boolean> {
    const known = this.#offers.get(connection.id)
    if (known != null) return known
    const proof = this.#prove(connection, stage)
    this.#offers.set(connection.id, proof)
    return proof
  }

  /** Waits until every connection that has come up has won or failed its proof. */
  async proving(): Promise<void> {
    await Promise.allSettled(this.#offers.values())
  }

  async #prove(connection: Connection, stage: Stage): Promise<boolean> {
    const { stopped, onWon, onLoser } = this.#init
    // a proof that nobody needs any more must not hold up the application's own ping, of which js-libp2p lets one run
    const signal = AbortSignal.any([stopped, this.#won.signal])
    const proven = await carriesBytes(connection, this.#context, TIMES.proofMs, signal)
    if (stopped.aborted) return proven
    if (this.winner != null) {
      onLoser(connection)
    } else if (proven) {
      this.winner = { connection, technique: this.#techniqueOf(connection, stage) }
      const reason = new NatError('LINK_CLOSED', 'a direct connection is there')
      this.#won.abort(reason)
      onWon(reason)
    } else {
      this.unproven++
      connection.abort(new NatError('TIMEOUT', 'the direct connection carried no bytes'))
    }
    return proven
  }

  #techniqueOf(connection: Connection, stage: Stage): TechniqueName {
    if (this.#reversals.has(connection.id)) return 'reverse'
    const punched = candidateOf(connection.remoteAddr, allPunchersOf(this.#context))?.technique
    if (punched == null) return 'direct'
    if (stage === 'punch') return punched
    // before any SYNC only the initiator has a reason of its own to dial
    return this.#init.side() === 'receiver' && connection.direction === 'inbound' ? 'reverse' : 'direct'
  }
}
