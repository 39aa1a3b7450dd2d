import type { SimPacket } from './nat/packet.ts'

/** A packet on its way: what NATs look at, and what they hand on as it is. */
export interface Packet extends SimPacket {
  readonly payload: Uint8Array
  /** Positions in the two byte streams of a TCP connection, each side's SYN being byte 0. */
  readonly segment?: { readonly seq: number; readonly ack: number }
}

export const DEFAULT_TTL = 64
export const NOTHING = new Uint8Array(0)

const IPV4_HEADER = 20
const IPV6_HEADER = 40
const UDP_HEADER = 8
const TCP_HEADER = 20
const ICMP_HEADER = 8
/** What an ICMP error quotes of the packet that it is about: its header and the ports at least (RFC 792). */
const QUOTED_PORTS = 8

/** Bytes of the whole IP packet. */
export function sizeOf({ protocol, source, payload, icmp }: Packet): number {
  const ip = source.address.includes(':') ? IPV6_HEADER : IPV4_HEADER
  switch (protocol) {
    case 'udp':
      return ip + UDP_HEADER + payload.length
    case 'tcp':
      return ip + TCP_HEADER + payload.length
    case 'icmp':
      return ip + ICMP_HEADER + payload.length + (icmp && 'about' in icmp ? ip + QUOTED_PORTS : 0)
    default:
      return protocol satisfies never
  }
}

/** An ICMP error from `address` to whoever sent a packet; none about another error (RFC 1122 section 3.2.2). */
export function icmpError(
  type: 'unreachable' | 'time-exceeded' | 'too-big',
  address: string,
  about: Packet
): Packet | undefined {
  if (about.icmp && 'about' in about.icmp) return undefined
  const { protocol, source, destination } = about
  return {
    protocol: 'icmp',
    source: { address, port: 0 },
    destination: { address: source.address, port: 0 },
    ttl: DEFAULT_TTL,
    icmp: { type, about: { protocol, source, destination } },
    payload: NOTHING
  }
}

export function isMulticast(address: string): boolean {
  return address.includes(':') ? address.startsWith('ff') : Number.parseInt(address, 10) >= 224
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** Of an address of the plan, whose networks are /24 and /64: the text that all addresses of its network begin with. */
export function networkText(address: string): string {
  return address.slice(0, Math.max(address.lastIndexOf('.'), address.lastIndexOf(':')) + 1)
}
