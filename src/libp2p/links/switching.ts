import type { PacketSwitch } from '../../socket/switch.ts'
import type { AgentEvent } from '../../traversal/paths/api.ts'

export type SwitchEvent = Extract<AgentEvent, { type: 'accept' | 'refuse' | 'use' }>

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
      packetSwitch.dismiss(flow, event.path)
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
