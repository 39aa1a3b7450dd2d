import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import { addressesOf, familyOf, type Nic, wayTo } from './nic.ts'
import { DEFAULT_TTL, icmpError, isLoopback, isMulticast, type Packet } from './packet.ts'
import { TcpPorts } from './tcp/ports.ts'
import type { Traffic } from './traffic.ts'
import { UdpPorts } from './udp.ts'

export interface StackInit {
  readonly name: string
  readonly nics: readonly Nic[]
  readonly clock: Clock
  readonly random: Random
  readonly traffic: Traffic
}

/** What a machine's system does between its programs and its interfaces. */
export class Stack {
  readonly udp: UdpPorts
  readonly tcp: TcpPorts
  readonly #init: StackInit
  readonly #icmpListeners = new Set<(packet: Packet) => void>()
  /** What is on its way to itself. */
  readonly #looping = new Set<Timer>()

  constructor(init: StackInit) {
    const { random, clock } = init
    const way = {
      send: (packet: Packet, bound?: string) => this.#send(packet, bound),
      owns: (address: string) => this.#owns(address),
      sourceTowards: (address: string) => wayTo(this.#init.nics, address, undefined)?.source
    }
    this.#init = init
    this.udp = new UdpPorts(random, way)
    this.tcp = new TcpPorts(clock, random, way)
  }

  /** A packet for this machine. */
  receive(packet: Packet): void {
    const { name, traffic } = this.#init
    if (!isMulticast(packet.destination.address) && !this.#owns(packet.destination.address)) {
      traffic.drop(name, 'no-route', packet)
      return
    }
    if (this.#take(packet)) {
      traffic.note(name, 'received', packet)
      return
    }
    traffic.drop(name, 'no-socket', packet)
    if (packet.protocol === 'udp') this.#refuse(packet)
  }

  /** @returns a function that stops listening */
  onIcmp(listener: (packet: Packet) => void): () => void {
    this.#icmpListeners.add(listener)
    return () => this.#icmpListeners.delete(listener)
  }

  close(): void {
    for (const timer of this.#looping) timer.cancel()
    this.#looping.clear()
    this.#icmpListeners.clear()
    this.udp.close()
    this.tcp.close()
  }

  #take(packet: Packet): boolean {
    switch (packet.protocol) {
      case 'udp':
        return this.udp.receive(packet)
      case 'tcp':
        return this.tcp.receive(packet)
      case 'icmp':
        this.#takeIcmp(packet)
        return true
      default:
        return packet.protocol satisfies never
    }
  }

  #takeIcmp(packet: Packet): void {
    if (packet.icmp?.type === 'echo-request') {
      const { source, destination } = packet
      const answer = {
        source: destination,
        destination: source,
        ttl: DEFAULT_TTL,
        icmp: { type: 'echo-reply' }
      } as const
      this.#send({ ...packet, ...answer }, destination.address)
      return
    }
    for (const listener of [...this.#icmpListeners]) listener(packet)
  }

  /** Port unreachable (RFC 1122 section 4.1.3.1), of which no program but a traceroute takes notice. */
  #refuse(packet: Packet): void {
    const { address } = packet.destination
    const error = isMulticast(address) ? undefined : icmpError('unreachable', address, packet)
    if (error) this.#send(error, address)
  }

  #send(packet: Packet, bound: string | undefined): void {
    const { name, nics, traffic } = this.#init
    const way = wayTo(nics, packet.destination.address, bound)
    if (!way) {
      traffic.drop(name, 'no-route', packet)
      return
    }
    const addressed = { ...packet, source: { address: way.source, port: packet.source.port } }
    traffic.note(name, 'sent', addressed)
    if (way.nic) way.nic.transmit(addressed)
    else this.#loop(addressed)
  }

  #loop(packet: Packet): void {
    const timer = this.#init.clock.after(0, () => {
      this.#looping.delete(timer)
      this.receive(packet)
    })
    this.#looping.add(timer)
  }

  #owns(address: string): boolean {
    return isLoopback(address) || this.#init.nics.some(nic => addressesOf(nic, familyOf(address)).includes(address))
  }
}
