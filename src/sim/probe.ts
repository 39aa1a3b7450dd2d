import type { ProbeSocket, UdpSocket } from '../core/net.ts'
import type { Packet } from './packet.ts'

/** A UDP socket that hears what is said of its packets. Nothing is fragmented here in any case. */
export function probeSocket(
  socket: UdpSocket,
  onIcmp: (listener: (packet: Packet) => void) => () => void
): ProbeSocket {
  const stops = new Set<() => void>()
  return {
    ...socket,
    onIcmp(listener) {
      const off = onIcmp(({ source, icmp }) => {
        if (!icmp || !('about' in icmp) || icmp.about.protocol !== 'udp') return
        if (icmp.about.source.port === socket.local.port) listener({ type: icmp.type, router: source.address })
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
      socket.close()
    }
  }
}
