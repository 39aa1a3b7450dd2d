import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { Line, type LinkVerdict } from './link.ts'
import { type Packet, sizeOf } from './packet.ts'
import type { PlannedUplink } from './plan.ts'
import type { LinkSpec } from './spec.ts'

/** A node with something behind it: a router, or the internet. */
export interface Upper {
  /** Tells it that an address is behind this cable. */
  announce(address: string, uplink: Uplink): void
  fromBelow(uplink: Uplink, packet: Packet): void
}

/** A node seen from what it is connected to. */
export interface Lower {
  fromAbove(uplink: Uplink, packet: Packet): void
}

/** The cable from a node to the router or the internet that it is behind. */
export class Uplink {
  readonly plan: PlannedUplink
  readonly #lower: Lower
  readonly #upper: Upper
  readonly #up: Line
  readonly #down: Line

  constructor(plan: PlannedUplink, lower: Lower, upper: Upper, clock: Clock, random: Random) {
    this.plan = plan
    this.#lower = lower
    this.#upper = upper
    this.#up = new Line(clock, random, plan.link)
    this.#down = new Line(clock, random, plan.link)
  }

  /** Whether this address is one of the node's own on this uplink. */
  has(address: string): boolean {
    return address === this.plan.ip6 || this.plan.ips.includes(address)
  }

  /** Tells those above that an address is behind it. */
  announce(address: string): void {
    this.#upper.announce(address, this)
  }

  up(packet: Packet): LinkVerdict {
    return this.#up.carry(sizeOf(packet), () => this.#upper.fromBelow(this, packet))
  }

  down(packet: Packet): LinkVerdict {
    return this.#down.carry(sizeOf(packet), () => this.#lower.fromAbove(this, packet))
  }

  /** Whether a packet is small enough for it. */
  fits(packet: Packet): boolean {
    return sizeOf(packet) <= this.#up.mtu
  }

  /** Whether who sends too large a packet is not told. */
  get blackHole(): boolean {
    return this.#up.blackHole
  }

  change(link: LinkSpec): void {
    this.#up.change(link)
    this.#down.change(link)
  }

  set cut(cut: boolean) {
    this.#up.cut = cut
    this.#down.cut = cut
  }

  close(): void {
    this.#up.close()
    this.#down.close()
  }
}
