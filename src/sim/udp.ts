import { NatError } from '../core/errors.ts'
import { canonicalIp } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family, UdpOptions, UdpSocket } from '../core/net.ts'
import type { Random } from '../core/random.ts'
import { familyOf } from './nic.ts'
import { DEFAULT_TTL, isMulticast, type Packet } from './packet.ts'

/** Where systems take the port from when a program names none. */
export const EPHEMERAL_PORTS = { first: 32_768, last: 60_999 } as const
/** Of one machine: far below what ports there are, so that looking for a free one ends soon. */
const MAX_SOCKETS = 16_384
/** What the length field of UDP over IPv4 leaves. */
const MAX_PAYLOAD = 65_507

export interface UdpWay {
  /** Sends what has no source address yet, or has one that is bound. */
  send(packet: Packet, bound: string | undefined): void
  /** Whether an address is the machine's own. */
  owns(address: string): boolean
}

interface Bound {
  readonly family: Family
  readonly port: number
  /** undefined: the unspecified one. */
  readonly address: string | undefined
  readonly groups: ReadonlySet<string>
  readonly listeners: Set<(bytes: Uint8Array, from: Endpoint) => void>
}

/** The UDP sockets of one machine. */
export class UdpPorts {
  readonly #random: Random
  readonly #way: UdpWay
  readonly #byPort = new Map<number, Set<Bound>>()
  #count = 0

  constructor(random: Random, way: UdpWay) {
    this.#random = random
    this.#way = way
  }

  /** @throws NatError PORT_TAKEN, NO_NETWORK, LIMIT */
  open({ family, address, port = 0, ttl = DEFAULT_TTL, groups = [] }: UdpOptions): UdpSocket {
    const own = address === undefined ? undefined : canonicalIp(address)
    const any = own === undefined || own === '0.0.0.0' || own === '::'
    if (!any && (!this.#way.owns(own) || familyOf(own) !== family)) {
      throw new NatError('NO_NETWORK', `${address} is not an IPv${family} address of this machine`)
    }
    if (this.#count >= MAX_SOCKETS) throw new NatError('LIMIT', `${MAX_SOCKETS} UDP sockets are open already`)
    const bound: Bound = {
      family,
      port: port === 0 ? this.#freePort() : port,
      address: any ? undefined : own,
      groups: new Set(groups.map(group => canonicalIp(group) ?? group)),
      listeners: new Set()
    }
    if ([...(this.#byPort.get(bound.port) ?? [])].some(other => collide(other, bound))) {
      throw new NatError('PORT_TAKEN', `UDP port ${bound.port} is taken`)
    }
    this.#add(bound)
    const local = { address: bound.address ?? (family === 4 ? '0.0.0.0' : '::'), port: bound.port }
    return {
      local,
      send: ({ bytes, to }) => {
        if (this.#byPort.get(bound.port)?.has(bound) === true) this.#send(bound, ttl, bytes, to)
      },
      onPacket: listener => {
        bound.listeners.add(listener)
        return () => bound.listeners.delete(listener)
      },
      close: () => this.#remove(bound)
    }
  }

  /** @returns whether a socket was there for it */
  receive({ source, destination, payload }: Packet): boolean {
    const family = familyOf(destination.address)
    const there = [...(this.#byPort.get(destination.port) ?? [])].filter(each => each.family === family)
    const hearers = isMulticast(destination.address)
      ? there.filter(({ groups }) => groups.has(destination.address))
      : [there.find(each => each.address === destination.address) ?? there.find(each => each.address === undefined)]
    const heard = hearers.filter(each => each !== undefined)
    for (const { listeners } of heard) for (const listener of [...listeners]) listener(payload, source)
    return heard.length > 0
  }

  close(): void {
    this.#byPort.clear()
    this.#count = 0
  }

  #send(from: Bound, ttl: number, bytes: Uint8Array, to: Endpoint): void {
    const address = canonicalIp(to.address)
    if (address === undefined || familyOf(address) !== from.family || bytes.length > MAX_PAYLOAD) return
    const packet: Packet = {
      protocol: 'udp',
      source: { address: '', port: from.port },
      destination: { address, port: to.port },
      ttl,
      payload: bytes.slice()
    }
    this.#way.send(packet, from.address)
  }

  #freePort(): number {
    for (;;) {
      const port = this.#random.int(EPHEMERAL_PORTS.first, EPHEMERAL_PORTS.last)
      if (!this.#byPort.has(port)) return port
    }
  }

  #add(bound: Bound): void {
    const there = this.#byPort.get(bound.port) ?? new Set()
    this.#byPort.set(bound.port, there.add(bound))
    this.#count++
  }

  #remove(bound: Bound): void {
    const there = this.#byPort.get(bound.port)
    bound.listeners.clear()
    if (there?.delete(bound) !== true) return
    this.#count--
    if (there.size === 0) this.#byPort.delete(bound.port)
  }
}

function collide(a: Bound, b: Bound): boolean {
  if (a.family !== b.family || (a.groups.size > 0 && b.groups.size > 0)) return false
  return a.address === undefined || b.address === undefined || a.address === b.address
}
