import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'

/**
 * Two addresses, and whoever connects to the one is joined with who connects to the other: each of them has dialled, as
 * after a simultaneous open, which loopback is too fast for (a SYN is answered before the other side can send its own).
 */
export async function splice(): Promise<AsyncDisposable & { readonly ends: readonly [Multiaddr, Multiaddr] }> {
  const sockets: Socket[] = []
  const servers = [createServer(), createServer()]
  const join = (one: Socket, other: Socket) => {
    one.on('error', () => {})
    one.on('close', hadError => (hadError ? other.resetAndDestroy() : other.destroy()))
    one.pipe(other)
  }
  for (const server of servers) {
    server.once('connection', socket => {
      const [other] = sockets
      sockets.push(socket)
      if (other == null) return
      join(socket, other)
      join(other, socket)
    })
  }
  const ends = await Promise.all(
    servers.map(async server => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return multiaddr(`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`)
    })
  )
  return {
    ends: ends as unknown as readonly [Multiaddr, Multiaddr],
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      for (const server of servers) server.close()
    }
  }
}

/** Somebody who answers at an address by hand; each connection is handed over. */
export async function byHand(
  onConnection: (socket: Socket) => void
): Promise<AsyncDisposable & { readonly address: Multiaddr }> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.push(socket.on('error', () => {}))
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: multiaddr(`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}
