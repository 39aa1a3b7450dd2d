import type { Path } from '../../socket/path.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import type { AgentEvent } from '../../traversal/paths/api.ts'
import type { LinksContext } from './context.ts'

type UdpPath = Extract<Path, { kind: 'udp' }>

export type SwitchEvent = Extract<AgentEvent, { type: 'accept' | 'refuse' | 'use' }>

/** One check. A link-local address whose interface is gone is an address no more, and what cannot be sent is lost. */
export function sendTo({ packetSwitch, log }: LinksContext, path: UdpPath, bytes: Uint8Array): void {
  try {
    packetSwitch.send(path.socket, path.remote, bytes)
  } catch (error) {
    log('a check did not leave - %e', error)
  }
}

/** Has the switch do what the agent has decided about a flow's paths. @param onFailed a path that the switch does not take */
export function applyToSwitch(
  packetSwitch: PacketSwitch,
  flow: number,
  event: SwitchEvent,
  onFailed: (error: unknown) => void
): void {
  switch (event.type) {
    case 'accept':
      packetSwitch.admit(flow, event.path).catch(onFailed)
      return
    case 'refuse':
      try {
        packetSwitch.dismiss(flow, event.path)
      } catch (error) {
        onFailed(error)
      }
      return
    case 'use': {
      const { path, also, holdMs } = event
      packetSwitch.move(flow, path, { holdMs, ...(also == null ? {} : { also }) }).catch(onFailed)
      return
    }
    default:
      event satisfies never
  }
}
