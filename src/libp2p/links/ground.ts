import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import { ask } from '../../nat/ask.ts'
import type { SocketId } from '../../socket/path.ts'
import { sharedSocket } from '../../socket/shared-socket.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import type { Ground } from '../../traversal/link/ground.ts'
import type { LocalSocket } from '../../traversal/paths/api.ts'
import { endpointOf } from '../candidate.ts'
import { isQuicAddress } from '../quic/address.ts'

/** A hub that is there answers within a round trip; where every question makes a mapping, few of them. */
const SCHEDULE = { rtoMs: 200, sends: 3, lastWaits: 2 } as const

const ANY = { 4: '0.0.0.0', 6: '::' } as const

export interface SwitchGroundInit {
  readonly packetSwitch: PacketSwitch
  /** Those that QUIC listens on. */
  sockets(): readonly LocalSocket[]
  /** The hubs. */
  relays(): readonly Multiaddr[]
  readonly clock: Clock
  readonly random: Random
}

/** Sockets of techniques: further public ones of the switch, so that a path by any of them carries QUIC. */
export class SwitchGround implements Ground {
  readonly #init: SwitchGroundInit
  readonly #further = new Map<SocketId, { readonly family: 4 | 6; readonly port: number }>()

  constructor(init: SwitchGroundInit) {
    this.#init = init
  }

  mainSocket(family: 4 | 6): SocketId | undefined {
    return this.#init.sockets().find(each => each.family === family)?.socket
  }

  async openSocket(family: 4 | 6): Promise<SocketId> {
    const { socket, port } = await this.#init.packetSwitch.bind(ANY[family], 0)
    this.#further.set(socket, { family, port })
    return socket
  }

  closeSocket(socket: SocketId): void {
    // a switch that is closed has closed it, too
    if (this.#further.delete(socket)) this.#init.packetSwitch.unbind(socket).catch(() => {})
  }

  /** One hub after the other, because every question may make a mapping. */
  async observe(socket: SocketId, signal: AbortSignal): Promise<Endpoint | undefined> {
    const { packetSwitch, clock, random } = this.#init
    const family = this.#further.get(socket)?.family ?? this.#mainFamily(socket)
    const local = { address: ANY[family ?? 4], port: this.#further.get(socket)?.port ?? 0 }
    for (const to of this.#servers()) {
      if ((to.address.includes(':') ? 6 : 4) !== family) continue
      const net = sharedSocket(packetSwitch, socket, local)
      const asked = await ask({ clock, random }, net, { to, schedule: SCHEDULE }, signal)
      signal.throwIfAborted()
      if (asked.type === 'answered') return asked.public
    }
    return undefined
  }

  #mainFamily(socket: SocketId): 4 | 6 | undefined {
    return this.#init.sockets().find(each => each.socket === socket)?.family
  }

  /** Hubs answer STUN at the port that they have for QUIC. */
  #servers(): readonly Endpoint[] {
    return this.#init.relays().flatMap(relay => (isQuicAddress(relay) ? (endpointOf(relay) ?? []) : []))
  }
}
