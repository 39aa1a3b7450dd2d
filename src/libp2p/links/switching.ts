import { NatError } from '../../core/errors.ts'
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

/** Has the switch do what the agent has decided about a flow's paths. @param onRefused the switch does not take a path */
export function applyToSwitch(
  packetSwitch: Pick<PacketSwitch, 'admit' | 'dismiss' | 'move'>,
  flow: number,
  event: SwitchEvent,
  onRefused: (path: Path, validated: boolean, error: unknown) => void
): void {
  const { path } = event
  const taken = (done: Promise<boolean>, validated: boolean) =>
    void done.then(
      ok => ok || onRefused(path, validated, new NatError('LIMIT', 'it is gone, or there are too many')),
      error => onRefused(path, validated, error)
    )
  switch (event.type) {
    case 'accept':
      taken(packetSwitch.admit(flow, path, event.validated), event.validated)
      return
    case 'refuse':
      try {
        packetSwitch.dismiss(flow, path)
      } catch {
        // an address whose interface is gone: nothing comes by it any more
      }
      return
    case 'use': {
      const { also, holdMs } = event
      taken(packetSwitch.move(flow, path, { holdMs, ...(also == null ? {} : { also }) }), true)
      return
    }
    default:
      event satisfies never
  }
}
