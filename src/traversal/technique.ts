import type { Clock } from '../core/clock.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Random } from '../core/random.ts'
import type { SocketId } from '../socket/path.ts'
import type { PathCandidate } from '../wire/path.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import type { Attempt, Reason, TechniqueName } from './attempt.ts'
import type { KnownPath } from './paths/api.ts'

/** Whether a technique is worth trying between two networks. */
export interface Fit {
  readonly fits: boolean
  readonly why: Reason
}

/** What came of an attempt; the runner knows whose it was and how long it took. */
export type AttemptResult = Omit<Attempt, 'technique' | 'ms'>

/**
 * A way to get a direct path. Register your own with `createNode({ extraTechniques: [mine] })`: it takes part in the plan, and shows in the
 * explanation.
 */
export interface Technique {
  /** Lower case, digits and dashes, at most 32 characters; both sides must know it by that name where both take part. */
  readonly name: TechniqueName
  /** Of those that fit, the cheap ones begin first: about the packets that an attempt takes. */
  readonly cost: number
  /** How long it mostly takes where it works. Milliseconds. What is dearer waits for so long. */
  readonly typicalMs: number
  /** `both`: the other side has to take part, and is asked first. `one`: it need not know. */
  readonly sides: 'one' | 'both'
  /** Does nothing else. Of a network that is not known yet nothing is told. `peer` is the other side's id, for a technique that knows some peers only. */
  fits(mine: NetworkSummary | undefined, theirs: NetworkSummary | undefined, peer?: string): Fit
  /**
   * Of a technique that knows some peers only: calls the listener with a peer of which more, or less, is known now, so that a plan is made anew.
   *
   * @returns a function that takes the listener away again
   */
  onChange?(listener: (peer: string) => void): () => void
  /**
   * Tries it, once. Whatever it does after its signal has aborted, or after it has ended, is without effect; one that throws or does not end in time
   * has failed.
   */
  attempt(context: AttemptContext): Promise<AttemptResult>
}

export type AttemptContext = LinkAttempt | ForeignAttempt

interface CommonAttempt {
  /** The other side's id. */
  readonly peer: string
  readonly mine: NetworkSummary | undefined
  readonly theirs: NetworkSummary | undefined
  readonly clock: Clock
  readonly random: Random
  /** Aborts when there is a direct path, when the time is up, and when the link is over. */
  readonly signal: AbortSignal
}

/** Between two nodes of ours: the link is there already, and a path is to be found for it. */
export interface LinkAttempt extends CommonAttempt {
  readonly on: 'link'
  /** The side that has dialled the link is `controlling`. */
  readonly role: 'controlling' | 'controlled'
  /** What each side has told of where it may be reached, so far. */
  candidates(): { readonly mine: readonly PathCandidate[]; readonly theirs: readonly PathCandidate[] }
  /**
   * Checks the pairs of our sockets and their candidates that are this technique's, now and, ever more rarely, as long as the link has no direct path.
   * Resolves with what came of the first round.
   */
  checkPairs(): Promise<AttemptResult>
  /** Agrees with the other side on a simultaneous TCP connect, and makes it. */
  punchTcp(): Promise<AttemptResult>
  /** The socket that everything leaves by, and that others see us by. */
  mainSocket(family: 4 | 6): SocketId | undefined
  /**
   * Further sockets; they are closed when the attempt ends, but for that of a path that was found.
   *
   * @returns as many as there may be: fewer than asked for where the limits of the node (link/budget.ts) are reached, or those of the system
   * @throws NatError LIMIT when there may be none
   */
  openSockets(count: number, family: 4 | 6): Promise<readonly SocketId[]>
  /** Sends one of the link's own checks. @returns false when the node, or that host, has had enough of them: try again later */
  probe(from: SocketId, to: Endpoint): boolean
  /** As which endpoint a hub's STUN server sees that socket; undefined when none answers in time. Each question makes a mapping where those depend on the destination. */
  observe(socket: SocketId): Promise<Endpoint | undefined>
  /** Checks this address too, as one that the other side has named: for a technique that knows more than the candidates say. */
  addTarget(to: Endpoint): void
  /** Tells the attempt of the same technique on the other side; at most 1,024 bytes, and a few a second. */
  say(bytes: Uint8Array): void
  /** What that has said next; each message is heard once, by whoever has waited longest. @throws the signal's reason */
  hear(): Promise<Uint8Array>
  /** A path by a socket of this attempt's, or to where it has probed, has been validated both ways. Never rejects. */
  readonly found: Promise<KnownPath>
}

/** With a libp2p peer of another kind: a second connection is to be made. */
export interface ForeignAttempt extends CommonAttempt {
  readonly on: 'foreign'
  /** Takes part in the DCUtR upgrade, and resolves with what became of this technique in it. */
  upgrade(): Promise<AttemptResult>
  /** Dials an address. Resolves when the peer has proved its identity there. */
  dial(address: string): Promise<AttemptResult>
}
