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
  /** A pipe that somebody else carries (a relayed stream, a framed TCP connection): its number, see PacketSwitch.newPipe. */
  | { readonly kind: 'pipe'; readonly pipe: number }

/** How a flow changes its path. */
export interface MoveOptions {
  /** Everything is sent by this path, too, until the next move: while it is not certain that the new one carries it. */
  readonly also?: Path
  /**
   * For so long what the engine sends waits, and then leaves in order, at twice the pace: where the new path is so much faster, it
   * would overtake what is still on its way. At most 500. @default 0
   */
  readonly holdMs?: number
}

/** Our end of a flow: our engine's client dialled it, or our engine's server accepts on it. */
export type Role = 'client' | 'server'

export function samePath(one: Path, other: Path): boolean {
  if (one.kind === 'pipe' || other.kind === 'pipe') {
    return one.kind === 'pipe' && other.kind === 'pipe' && one.pipe === other.pipe
  }
  const { address, port } = one.remote
  return one.socket === other.socket && address === other.remote.address && port === other.remote.port
}
