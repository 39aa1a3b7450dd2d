import type { Transport } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TechniqueName } from '../traversal/attempt.ts'

/** The property under which a transport offers its {@link Puncher}. */
export const punchable = Symbol.for('beeline.punchable')

/** What hole punching needs of a transport besides `dial`. */
export interface Puncher {
  readonly technique: Extract<TechniqueName, `punch-${string}`>
  /** Whether this address is of the transport's kind, literal (no name to resolve), direct, and of a family that we listen on. */
  canPunch(address: Multiaddr): boolean
  /**
   * Sends one datagram to the address from the very socket that we listen on, so that the NAT in front of us lets
   * answers in. Never throws: what cannot be sent is as good as lost on the way.
   */
  sendDatagram(bytes: Uint8Array, to: Multiaddr): void
}

export interface PunchableTransport extends Transport {
  readonly [punchable]: Puncher
}

/** Extra options that a punchable transport's `dial` takes (`transportManager.dial` hands them through). */
export interface PunchDialOptions {
  /**
   * Repeat the first flight every few ten milliseconds until something comes back: QUIC's own first retransmission
   * comes after a second (RFC 9002 section 6.2.2), which a hole that opens 5 ms late would cost.
   */
  punch?: boolean
}

/** The transports among these that can punch. */
export function punchers(transports: readonly Transport[]): PunchableTransport[] {
  return transports.filter((transport): transport is PunchableTransport => punchable in transport)
}
