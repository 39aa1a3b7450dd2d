import type { Endpoint } from '../core/machine.ts'

/** Which of our public sockets. */
export type SocketId = number

/**
 * Where a flow's packets go now. Any pipe that carries datagrams will do: the QUIC engine sees one fixed loopback address
 * per flow and never learns that its path has changed.
 */
export type Path =
  /** One of our public sockets, and the other side's address. */
  | { readonly kind: 'udp'; readonly socket: SocketId; readonly remote: Endpoint }
  /** A pipe that somebody else carries (a relayed stream, a framed TCP connection): datagrams are handed over by number. */
  | { readonly kind: 'pipe'; readonly pipe: number }

/** Our end of a flow: our engine's client dialled it, or our engine's server accepts on it. */
export type Role = 'client' | 'server'
