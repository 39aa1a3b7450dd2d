import type { LinkVerdict } from './link.ts'
import type { Packet } from './packet.ts'
import type { Uplink } from './uplink.ts'

/** Those behind a router, each at the end of a cable: a switch of layer 2 for neighbours, and the routes to what is behind them. */
export class Bridge {
  readonly #ports = new Set<Uplink>()
  readonly #routes = new Map<string, Uplink>()

  /** Tells it behind which cable an address is. */
  announce(address: string, uplink: Uplink): void {
    this.#ports.add(uplink)
    this.#routes.set(address, uplink)
  }

  knows(address: string): boolean {
    return this.#routes.has(address)
  }

  /** Whether it is a neighbour's, to whom nothing has to be routed. */
  isNeighbour(address: string): boolean {
    return this.#routes.get(address)?.has(address) === true
  }

  deliver(packet: Packet): LinkVerdict | 'no-route' {
    return this.#routes.get(packet.destination.address)?.down(packet) ?? 'no-route'
  }

  /** To all neighbours but the one that it came from. */
  flood(packet: Packet, except: Uplink | undefined): void {
    for (const uplink of this.#ports) if (uplink !== except) uplink.down(packet)
  }
}
