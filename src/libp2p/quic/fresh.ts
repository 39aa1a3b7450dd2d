import type { FlowInfo } from '../../socket/plane.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import type { QuicEndpoint } from './address.ts'

/** An extra option of the transport's `dial`. */
export interface FreshDialOptions {
  /**
   * An address of this machine (0.0.0.0 or :: for any): the dial leaves from a new port there, which no other connection
   * has, so that no mapping that a NAT keeps for another connection lets it in.
   */
  readonly freshFrom?: string
}

/** A flow by a socket of its own, which is closed when the flow has gone. @throws NatError what `bind` and `dial` throw */
export async function freshFlow(packetSwitch: PacketSwitch, from: string, remote: QuicEndpoint): Promise<FlowInfo> {
  const { socket } = await packetSwitch.bind(from, 0)
  const unbind = () => packetSwitch.unbind(socket).catch(() => {})
  try {
    const { address, port } = remote
    const info = await packetSwitch.dial({ kind: 'udp', socket, remote: { address, port } })
    // not when it is released: its last words are still to leave
    const off = packetSwitch.events.on('gone', ({ flow }) => {
      if (flow !== info.flow) return
      off()
      void unbind()
    })
    return info
  } catch (error) {
    await unbind()
    throw error
  }
}
