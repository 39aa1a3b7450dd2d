import type { TcpFlags } from './packet.ts'

/**
 * What a NAT follows of a TCP connection, to know how long to remember it: it looks at flags, not at sequence numbers (as Linux
 * does with nf_conntrack_tcp_be_liberal).
 */
export interface TcpState {
  readonly phase: 'opening' | 'established' | 'closed'
  readonly synOut: boolean
  readonly synIn: boolean
  readonly finOut: boolean
  readonly finIn: boolean
}

const OPENING: TcpState = { phase: 'opening', synOut: false, synIn: false, finOut: false, finIn: false }

/** A connection that was there before the NAT was: its owner sends as if it were known, and is believed. */
export const PICKED_UP: TcpState = { ...OPENING, phase: 'established', synOut: true, synIn: true }

/**
 * The next state. Either side may begin, or both at once (simultaneous open, RFC 5382 REQ-2): it is established when both have
 * sent a SYN and one goes on without. A SYN alone on a closed connection opens it anew.
 */
export function nextTcp(state: TcpState | undefined, flags: TcpFlags, way: 'in' | 'out'): TcpState {
  const opens = flags.syn && !flags.ack
  const before = state === undefined || (state.phase === 'closed' && opens) ? OPENING : state
  const synOut = before.synOut || (flags.syn && way === 'out')
  const synIn = before.synIn || (flags.syn && way === 'in')
  const finOut = before.finOut || (flags.fin && way === 'out')
  const finIn = before.finIn || (flags.fin && way === 'in')
  const isClosed = before.phase === 'closed' || flags.rst || (finOut && finIn)
  const isEstablished = before.phase === 'established' || (synOut && synIn && !flags.syn && flags.ack)
  const phase = isClosed ? 'closed' : isEstablished ? 'established' : 'opening'
  return { phase, synOut, synIn, finOut, finIn }
}
