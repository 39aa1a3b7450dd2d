import type { Endpoint } from '../../core/machine.ts'
import type { ProbingMessage } from '../../wire/technique-messages.ts'
import type { AttemptResult } from '../technique.ts'

/** Which of an attempt's sockets: {@link MAIN} is the link's main socket, the others are its own, from 1. */
export type SocketIndex = number

export const MAIN: SocketIndex = 0

/** One of the link's checks, which the runner sends. */
export interface Probe {
  readonly from: SocketIndex
  readonly to: Endpoint
}

/** What a machine wants done, in that order: which mapping a NAT makes first may matter. */
export type ProbingAction =
  | { readonly type: 'open'; readonly count: number }
  | { readonly type: 'observe'; readonly socket: SocketIndex }
  | { readonly type: 'probe'; readonly probe: Probe }
  | { readonly type: 'say'; readonly message: ProbingMessage }

export type ProbingInput =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  /** The sockets that were asked for; none where there may be no more. */
  | { readonly type: 'opened'; readonly sockets: readonly SocketIndex[] }
  /** As whom a hub sees that socket; undefined when none has answered. */
  | { readonly type: 'observed'; readonly socket: SocketIndex; readonly as: Endpoint | undefined }
  | { readonly type: 'heard'; readonly message: ProbingMessage }
  /** Those of the last step's probes, in their order, that were not sent: the node or that host has had enough for now. */
  | { readonly type: 'held'; readonly probes: readonly Probe[] }

export interface ProbingStep {
  readonly actions?: readonly ProbingAction[]
  readonly wakeAtMs?: number | undefined
  /** It has ended, and takes no more input. */
  readonly end?: AttemptResult
}

/** One side of an attempt to find a port, without sockets, clock or randomness of its own. */
export interface ProbingMachine {
  step(nowMs: number, input: ProbingInput): ProbingStep
  /** For people: how much it took so far. */
  readonly effort: string
}

export const PROBING = {
  /** The other side has agreed to take part; a round trip through a relay and to a hub, with retransmissions, is shorter. Later it is silent. */
  silentMs: 5_000,
  /** Probes that were held back are tried again after so long. */
  heldMs: 50,
  /** For probes that the other side waits for: what keeps them for longer than that is told before it passes for silence. */
  sendMs: 4_000,
  /** After the last probe: the longest round trip that an answer is waited for. */
  lingerMs: 800,
  /** Between two rounds: an answer that comes in the next one still counts. */
  betweenMs: 300
} as const

/** The end of an attempt that has not found anything: the other side is told. */
export function giveUp(reason: Exclude<AttemptResult['reason'], 'connected'>, detail: string): ProbingStep {
  return { actions: [{ type: 'say', message: { type: 'DONE', reason } }], end: { outcome: 'failed', reason, detail } }
}

/** The other side has given up. What it says of itself is not said of us. */
export function givenUp(reason: string, effort: string): ProbingStep {
  if (reason === 'no-answer') return { end: { outcome: 'failed', reason, detail: effort } }
  return { end: { outcome: 'failed', reason: 'refused', detail: `the other side has given up: ${reason}` } }
}
