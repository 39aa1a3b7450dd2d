import { icmpError, type Packet } from './packet.ts'
import type { LossReason, Traffic } from './traffic.ts'
import type { Uplink, Upper } from './uplink.ts'

export const INTERNET = 'internet'

/** What lies between all networks: one router that knows the way to every public address, and filters nothing. */
export class Internet implements Upper {
  readonly #traffic: Traffic
  readonly #routes = new Map<string, Uplink>()

  constructor(traffic: Traffic) {
    this.#traffic = traffic
  }

  announce(address: string, uplink: Uplink): void {
    this.#routes.set(address, uplink)
  }

  fromBelow(uplink: Uplink, packet: Packet): void {
    if (packet.ttl <= 1) {
      this.#drop('ttl', packet)
      this.#answer('time-exceeded', uplink, packet)
      return
    }
    const way = this.#routes.get(packet.destination.address)
    if (!way) {
      this.#drop('no-route', packet)
      return
    }
    const passed = { ...packet, ttl: packet.ttl - 1 }
    const verdict = way.down(passed)
    if (verdict === 'carried') this.#traffic.note(INTERNET, 'forwarded', passed)
    else this.#drop(verdict, packet)
    if (verdict === 'too-big' && !way.blackHole) this.#answer('too-big', uplink, packet)
  }

  #answer(type: 'time-exceeded' | 'too-big', uplink: Uplink, about: Packet): void {
    const { gateway, gateway6 } = uplink.plan
    const error = icmpError(type, about.source.address.includes(':') ? gateway6 : gateway, about)
    if (error) uplink.down(error)
  }

  #drop(why: LossReason, packet: Packet): void {
    this.#traffic.drop(INTERNET, why, packet)
  }
}
