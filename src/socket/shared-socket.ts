import { NatError } from '../core/errors.ts'
import type { Endpoint } from '../core/machine.ts'
import type { UdpSocket } from '../core/net.ts'
import type { SocketId } from './path.ts'
import type { PacketSwitch } from './switch.ts'

/**
 * STUN by a public socket of the packet switch: probes then leave from the port that QUIC has, and what a NAT does to them it
 * does to QUIC. Other packets are not seen here. The socket itself stays open when this is closed.
 */
export function sharedSocket(packetSwitch: PacketSwitch, socket: SocketId, local: Endpoint): UdpSocket {
  const stops = new Set<() => void>()
  return {
    local,
    send({ bytes, to }) {
      try {
        packetSwitch.send(socket, to, bytes)
      } catch (error) {
        // an address that nothing can be sent to: machines send from timers, where nobody would catch it
        if (!(error instanceof NatError)) throw error
      }
    },
    onPacket(listener) {
      const off = packetSwitch.events.on('stun', stun => {
        if (stun.socket === socket) listener(stun.bytes, stun.from)
      })
      const stop = () => {
        stops.delete(stop)
        off()
      }
      stops.add(stop)
      return stop
    },
    close() {
      for (const stop of stops) stop()
    }
  }
}
