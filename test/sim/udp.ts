import type { Endpoint } from '../../src/core/machine.ts'
import type { NetHost, UdpSocket } from '../../src/core/net.ts'

export const bytes = (text: string) => new TextEncoder().encode(text)
export const text = (packet: Uint8Array) => new TextDecoder().decode(packet)

/** A host that tells each sender as whom it was seen, on one of its addresses: answers come from there. */
export async function answering(host: NetHost, port: number, address?: string): Promise<UdpSocket> {
  const family = address?.includes(':') === true ? 6 : 4
  const socket = await host.udp({ family, port, ...(address !== undefined && { address }) })
  socket.onPacket((_, from) => socket.send({ bytes: bytes(`${from.address}:${from.port}`), to: from }))
  return socket
}

/** Sends one packet, and waits for its answer. */
export function ask(host: NetHost, socket: UdpSocket, to: Endpoint): Promise<{ seen: string; atMs: number }> {
  const { promise, resolve } = Promise.withResolvers<{ seen: string; atMs: number }>()
  const stop = socket.onPacket(packet => {
    stop()
    resolve({ seen: text(packet), atMs: host.clock.now() })
  })
  socket.send({ bytes: bytes('who am I?'), to })
  return promise
}

/** Sends a packet, and waits for what comes back. */
export function exchange(socket: UdpSocket, packet: Uint8Array, to: Endpoint): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  socket.onPacket(resolve)
  socket.send({ bytes: packet, to })
  return promise
}
