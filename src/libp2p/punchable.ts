import type { Connection, Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PunchTechnique } from '../traversal/attempt.ts'

/** The property under which a transport offers its {@link Puncher}. */
export const punchable = Symbol.for('beeline.punchable')

/** What hole punching needs of a transport besides `dial`. */
export interface Puncher {
  readonly technique: PunchTechnique
  /**
   * Whether both sides dial in the same moment (TCP's simultaneous open). Else one opens its NAT with datagrams, and the
   * other dials.
   */
  readonly simultaneous: boolean
  /** Whether this address is of the transport's kind, literal (no name to resolve), direct, and of a family that we listen on. */
  canPunch(address: Multiaddr): boolean
  /** Whether the other side of this connection sees the very port that we punch from. */
  observes(connection: Connection): boolean
  /**
   * Sends one datagram to the address from the very socket that we listen on, so that the NAT in front of us lets
   * answers in. Never throws: what cannot be sent is as good as lost on the way. Absent where both sides dial.
   */
  sendDatagram?(bytes: Uint8Array, to: Multiaddr): void
  /**
   * Calls back when the port that we punch from has changed: what was observed before holds no longer.
   *
   * @returns a function that takes the listener away again
   */
  onMoved?(listener: () => void): () => void
}

export interface PunchableTransport extends Transport {
  readonly [punchable]: Puncher
}

/** Extra options that a punchable transport's `dial` takes (`transportManager.dial` hands them through). */
export interface PunchDialOptions {
  /**
   * Repeat the first flight every few ten milliseconds until something comes back: QUIC's own first retransmission
   * comes after a second (RFC 9002 section 6.2.2), which a hole that opens 5 ms late would cost. Over TCP: try again when a
   * NAT resets what came too early.
   */
  punch?: boolean
  /** Who we are on a connection that both sides dial. @default 'client' */
  role?: 'client' | 'server'
  /** Called when the two sides have met, before they shake hands. */
  onMet?: () => void
}

/** The transports among these that can punch. */
export function punchers(transports: readonly Transport[]): PunchableTransport[] {
  return transports.filter((transport): transport is PunchableTransport => punchable in transport)
}
