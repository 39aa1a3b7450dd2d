import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Whether connections to different hosts can leave from one local port here; if not, why. */
export type PortSharing = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Who refuses does so at once; a busy machine may take its time, and what it comes to holds for as long as the program runs. */
const TRIAL_MS = 5_000
const LOOPBACK = '127.0.0.1'

let trial: Promise<PortSharing> | undefined

/**
 * Tries it out once, on loopback: Node cannot ask for SO_REUSEPORT on an outgoing socket, and whether the system lets a
 * second one bind the same port without it differs (Linux does).
 */
export function portSharing(): Promise<PortSharing> {
  trial ??= tryOut().catch(error => ({ ok: false, reason: (error as Error).message }))
  return trial
}

async function tryOut(): Promise<PortSharing> {
  const servers = [createServer(), createServer()]
  const sockets: Socket[] = []
  const signal = AbortSignal.timeout(TRIAL_MS)
  try {
    for (const server of servers) {
      server.on('connection', socket => sockets.push(socket.on('error', () => {})))
      server.listen(0, LOOPBACK)
      await once(server, 'listening', { signal })
    }
    const localPort = await freePort()
    for (const server of servers) {
      const socket = connect({ host: LOOPBACK, port: portOf(server), localPort })
      // when the time is up, nobody waits for it any more
      sockets.push(socket.on('error', () => {}))
      await once(socket, 'connect', { signal })
    }
    return { ok: true }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { ok: false, reason: `this system refuses a second connection from one local port (${code ?? message})` }
  } finally {
    // reset, so that the port is not kept busy by connections of the trial that linger
    for (const socket of sockets) socket.resetAndDestroy()
    for (const server of servers) server.close()
  }
}

/** A port that nobody has, for IPv4 and IPv6; it is for outgoing connections, and never listened on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0)
  try {
    await once(server, 'listening')
    return portOf(server)
  } finally {
    server.close()
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
