import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { NatError } from '../core/errors.ts'

/** Ports that the system proposes for TCP are rarely taken for UDP. */
const TRIES = 16

/**
 * A port that is free for TCP and for UDP. A hub has to know its port before it listens, because it announces it, and both
 * its transports are at the same one; that somebody else takes it in between is for `listen` to say.
 *
 * @throws NatError PORT_TAKEN, NO_NETWORK
 */
export async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const server = createServer()
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    try {
      server.listen(0, host)
      await once(server, 'listening')
      const { port } = server.address() as { port: number }
      socket.bind(port, host)
      await once(socket, 'listening')
      return port
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      if (code !== 'EADDRINUSE') {
        throw new NatError('NO_NETWORK', `cannot listen on ${host} (${code}): is it an address of this machine?`, {
          cause
        })
      }
    } finally {
      server.close()
      socket.close()
    }
  }
  throw new NatError('PORT_TAKEN', `no port of ${host} is free for both TCP and UDP: choose one with --port`)
}
