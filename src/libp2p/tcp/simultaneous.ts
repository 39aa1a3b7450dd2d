import type { Socket } from 'node:net'
import type { Connection, MultiaddrConnection } from '@libp2p/interface'
import type { PunchDialOptions } from '../punchable.ts'

const SIMULTANEOUS = {
  /** How long the other side has to reset a connection on which the handshake failed, before we do: some round trips. */
  graceMs: 500,
  /** How long the server waits for the client's proposal, which leaves as soon as the two have met: some retransmissions. */
  silenceMs: 1_500,
  /** "/multistream/1.0.0" in its frame, which go-libp2p sends as the server too. */
  greetingBytes: 20
} as const

/** A connection of `@libp2p/tcp`, with what of it is not in its interface. */
type TcpConnection = MultiaddrConnection & {
  readonly socket: Socket
  sendReset(): void
}

/**
 * Has a handshake on a connection that both sides dialled fail in such a way that they can meet again on the same ports.
 * Linux, and so most routers, forgets a reset connection at once only for a SYN in the direction of the last reset; else it
 * takes none in for ten seconds. Two resets that cross are each the last one to come in, and shut both NATs. When only one
 * side resets, the SYNs meet. So where something came of the handshake we let the other side go first, and where it is
 * silent, which is what two servers are, we end it early.
 */
export async function handshake(
  connection: MultiaddrConnection,
  role: NonNullable<PunchDialOptions['role']>,
  upgrade: () => Promise<Connection>
): Promise<Connection> {
  const { socket, sendReset } = connection as TcpConnection
  const reset = sendReset.bind(connection)
  const gone = Promise.withResolvers<void>()
  socket.once('close', () => gone.resolve())
  const holdBack = () => {
    const timer = setTimeout(reset, SIMULTANEOUS.graceMs)
    socket.once('close', () => clearTimeout(timer))
    // a paused socket would never see the other side's reset
    socket.resume()
  }
  const stopListening = role === 'server' ? untilHeard(socket, giveUp) : () => {}
  function giveUp() {
    Object.assign(connection, { sendReset: reset })
    connection.abort(new Error('both sides wait for the other one to begin'))
  }
  Object.assign(connection, { sendReset: holdBack })
  try {
    const upgraded = await upgrade()
    Object.assign(connection, { sendReset: reset })
    return upgraded
  } catch (error) {
    connection.abort(error as Error)
    await gone.promise
    throw error
  } finally {
    stopListening()
  }
}

/** @returns a function that ends the wait */
function untilHeard(socket: Socket, onSilence: () => void): () => void {
  const timer = setTimeout(onSilence, SIMULTANEOUS.silenceMs)
  const end = () => {
    clearTimeout(timer)
    socket.removeListener('data', listen)
  }
  const listen = () => {
    if (socket.bytesRead > SIMULTANEOUS.greetingBytes) end()
  }
  socket.on('data', listen)
  return end
}
