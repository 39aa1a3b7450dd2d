import type { Transport } from '@libp2p/interface'
import type { UdpSocket } from '../../core/net.ts'
import { sharedSocket } from '../../socket/shared-socket.ts'
import { QuicTransport } from './transport.ts'

/** The UDP sockets that QUIC listens on, as STUN sees them; none of a family that it does not listen on. */
export interface SharedSockets {
  readonly udp4?: UdpSocket
  readonly udp6?: UdpSocket
}

/** For probes that have to leave from the port that peers will come to. */
export async function sharedSockets(transports: readonly Transport[]): Promise<SharedSockets> {
  const transport = transports.find(each => each instanceof QuicTransport)
  if (transport == null) return {}
  const packetSwitch = await transport.packetSwitch()
  const found: { udp4?: UdpSocket; udp6?: UdpSocket } = {}
  for (const { socket } of transport.listeners) {
    if (socket == null) continue
    found[socket.family === 4 ? 'udp4' : 'udp6'] ??= sharedSocket(packetSwitch, socket.socket, socket)
  }
  return found
}

/** Every UDP socket that a QUIC transport listens on, as STUN sees it: for a server that answers at the port of QUIC, too. */
export async function listeningSockets(transport: Transport): Promise<UdpSocket[]> {
  if (!(transport instanceof QuicTransport)) return []
  const packetSwitch = await transport.packetSwitch()
  return [...transport.listeners].flatMap(({ socket }) =>
    socket == null ? [] : [sharedSocket(packetSwitch, socket.socket, socket)]
  )
}
