import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import type { SocketId } from '../../socket/path.ts'
import type { PathCandidate, PathMessage } from '../../wire/path.ts'
import type { NetworkSummary } from '../../wire/summary.ts'
import type { Attempt, TechniqueName } from '../attempt.ts'
import type { AgentInput } from '../paths/api.ts'
import type { Technique } from '../technique.ts'
import type { Budget } from './budget.ts'

/** What a link's techniques stand on: sockets, and who tells them where those are seen. */
export interface Ground {
  /** What everything leaves by. */
  mainSocket(family: 4 | 6): SocketId | undefined
  /** @throws NatError LIMIT, NO_NETWORK */
  openSocket(family: 4 | 6): Promise<SocketId>
  /** Safe to call twice. */
  closeSocket(socket: SocketId): void
  /** As whom a hub's STUN server sees a socket; undefined when none answers. @throws the signal's reason */
  observe(socket: SocketId, signal: AbortSignal): Promise<Endpoint | undefined>
}

/** What found paths between the same two networks before. */
export interface Experience {
  recall(mine: NetworkSummary, theirs: NetworkSummary): TechniqueName | undefined
  remember(mine: NetworkSummary, theirs: NetworkSummary, technique: TechniqueName): void
  /** It did not work this time. */
  forget(mine: NetworkSummary, theirs: NetworkSummary): void
}

export interface TraversalInit {
  readonly role: 'controlling' | 'controlled'
  /** The other side's id. */
  readonly peer: string
  /** All that this node knows, built in or not. */
  readonly techniques: readonly Technique[]
  /** Names of those that may be used. @default all */
  readonly allowed?: ReadonlySet<TechniqueName> | undefined
  readonly clock: Clock
  readonly random: Random
  readonly ground: Ground
  readonly budget: Budget
  readonly experience?: Experience | undefined
  candidates(): { readonly mine: readonly PathCandidate[]; readonly theirs: readonly PathCandidate[] }
  /** To the link's path agent. */
  feed(input: AgentInput): void
  /** To the other side. */
  send(message: PathMessage): void
  onAttempt(attempt: Attempt): void
}
