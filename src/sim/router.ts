import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { Balance } from './balance.ts'
import { Bridge } from './bridge.ts'
import type { LinkVerdict } from './link.ts'
import type { NatVerdict } from './nat/index.ts'
import { familyOf } from './nic.ts'
import { icmpError, isMulticast, NOTHING, networkText, type Packet } from './packet.ts'
import type { Lan } from './plan.ts'
import type { RouterSpec } from './spec.ts'
import type { LossReason, Traffic } from './traffic.ts'
import type { Lower, Uplink, Upper } from './uplink.ts'
import { WayOut } from './way-out.ts'

export interface RouterInit {
  readonly name: string
  readonly spec: RouterSpec
  readonly lan: Lan
  readonly clock: Clock
  readonly random: Random
  readonly traffic: Traffic
  /** Takes what is addressed to the router itself by those behind it. */
  readonly toSelf: (packet: Packet) => void
}

/** Sends an ICMP error back to where a packet came from. */
type Answer = (type: 'time-exceeded' | 'too-big') => void

/** A router: a bridge for those behind it, and the NAT or firewall between them and its uplinks. */
export class Router implements Upper, Lower {
  readonly name: string
  readonly #init: RouterInit
  readonly #ways: WayOut[] = []
  readonly #bridge = new Bridge()
  readonly #balance: Balance

  constructor(init: RouterInit) {
    this.name = init.name
    this.#init = init
    this.#balance = new Balance(init.spec.balance ?? 'destination')
  }

  /** Its uplinks, each with its NATs. */
  get ways(): readonly WayOut[] {
    return this.#ways
  }

  /** Its own address towards those behind it, and theirs begin as it does. */
  get lan(): Lan {
    return this.#init.lan
  }

  /** Its address outside, on its first uplink. */
  get wan(): string {
    return this.#ways[0]!.uplink.plan.ips[0]!
  }

  get hasNat64(): boolean {
    return this.#init.spec.nat64 === true
  }

  addUplink(uplink: Uplink): void {
    const { spec, random } = this.#init
    this.#ways.push(new WayOut(spec, uplink, random))
  }

  announce(address: string, uplink: Uplink): void {
    this.#bridge.announce(address, uplink)
    if (!this.#isHidden(address)) this.#ways[0]!.uplink.announce(address)
  }

  setBlockUdp(block: boolean): void {
    for (const { nats } of this.#ways) for (const nat of nats) nat.setBlockUdp(block)
  }

  /** Forgets all connections and mappings, as when it restarts. */
  flush(): void {
    for (const { nats } of this.#ways) for (const nat of nats) nat.flush()
  }

  fromBelow(uplink: Uplink, packet: Packet): void {
    const { lan, toSelf } = this.#init
    const { address } = packet.destination
    if (isMulticast(address)) {
      this.#bridge.flood(packet, uplink)
      toSelf(packet)
    } else if (address === lan.ip || address === lan.ip6) toSelf(packet)
    else if (this.#bridge.isNeighbour(address)) this.#done(this.#bridge.deliver(packet), packet)
    else if (!this.#bridge.knows(address) && this.#isOnLan(address)) this.#done('no-route', packet)
    else this.#forward(packet)
  }

  fromAbove(uplink: Uplink, packet: Packet): void {
    const { ips, ip6 } = uplink.plan
    const own = familyOf(packet.destination.address) === 4 ? ips[0] : ip6
    const answer = this.#answer(packet, own, error => uplink.up(error))
    const way = this.#ways.find(each => each.uplink === uplink)!
    const passed = this.#pass(packet, answer)
    if (passed) this.#follow(way, way.inbound(this.#init.clock.now(), passed), packet, answer)
  }

  /** A packet of the router itself, to those behind it. */
  fromSelf(packet: Packet): void {
    if (isMulticast(packet.destination.address)) this.#bridge.flood(packet, undefined)
    else this.#done(this.#bridge.deliver(packet), packet)
  }

  #forward(packet: Packet): void {
    const { clock, lan } = this.#init
    const own = familyOf(packet.destination.address) === 4 ? lan.ip : lan.ip6
    const answer = this.#answer(packet, own, error => this.fromSelf(error))
    const passed = this.#pass(packet, answer)
    if (!passed) return
    if (this.#bridge.knows(packet.destination.address)) {
      this.#done(this.#bridge.deliver(passed), passed, answer)
      return
    }
    // an address that is not translated has one way back
    const isDealt = this.#isHidden(packet.source.address)
    const way = this.#ways[isDealt ? this.#balance.choose(packet, this.#ways.length) : 0]!
    // before a mapping is made for it
    if (way.uplink.fits(passed)) this.#follow(way, way.outbound(clock.now(), passed), packet, answer)
    else this.#done('too-big', packet, way.uplink.blackHole ? undefined : answer)
  }

  /** What every packet goes through that is routed: undefined when that is its end. */
  #pass(packet: Packet, answer: Answer): Packet | undefined {
    if (packet.ttl > 1) return { ...packet, ttl: packet.ttl - 1 }
    this.#drop('ttl', packet)
    answer('time-exceeded')
    return undefined
  }

  #follow(way: WayOut, verdict: NatVerdict<Packet>, packet: Packet, answer: Answer): void {
    if ('drop' in verdict) this.#drop(verdict.drop, packet)
    else if ('reply' in verdict) {
      this.#drop('filtered', packet)
      this.#reply(way, { payload: NOTHING, ...resetPositions(packet), ...verdict.reply })
    } else if (verdict.to === 'outside') this.#done(way.uplink.up(verdict.packet), verdict.packet)
    else this.#done(this.#bridge.deliver(verdict.packet), verdict.packet, answer)
  }

  /** To whichever side the packet came from that it answers. */
  #reply(way: WayOut, reply: Packet): void {
    if (this.#bridge.knows(reply.destination.address)) this.fromSelf(reply)
    else this.#done(way.uplink.up(reply), reply)
  }

  #done(verdict: LinkVerdict | 'no-route', packet: Packet, answer?: Answer): void {
    if (verdict === 'carried') this.#init.traffic.note(this.name, 'forwarded', packet)
    else this.#drop(verdict, packet)
    if (verdict === 'too-big') answer?.('too-big')
  }

  #answer(packet: Packet, own: string | undefined, send: (error: Packet) => void): Answer {
    return type => {
      const error = own === undefined ? undefined : icmpError(type, own, packet)
      if (error) send(error)
    }
  }

  /** Whether nobody outside sees an address that is inside. */
  #isHidden(address: string): boolean {
    const { mapping, nat66 } = this.#init.spec
    return familyOf(address) === 4 ? mapping !== 'none' : nat66 === true
  }

  #isOnLan(address: string): boolean {
    const { ip, ip6 } = this.#init.lan
    const own = familyOf(address) === 4 ? ip : ip6
    return own !== undefined && networkText(own) === networkText(address)
  }

  #drop(why: LossReason, packet: Packet): void {
    this.#init.traffic.drop(this.name, why, packet)
  }
}

/** Of a reset in a NAT's name, the positions in the byte streams, of which the NAT knows nothing (RFC 9293 section 3.10.7.1). */
function resetPositions({ segment, tcp }: Packet): Pick<Packet, 'segment'> {
  return segment ? { segment: { seq: segment.ack, ack: segment.seq + (tcp?.syn === true ? 1 : 0) } } : {}
}
