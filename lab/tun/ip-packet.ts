import type { Endpoint } from '../../src/core/machine.ts'
import type { Icmp, PacketHead, Protocol, SimPacket, TcpFlags } from '../../src/sim/nat/index.ts'
import type { AddressText } from './address-text.ts'

const PROTOCOLS: Readonly<Record<number, Protocol>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp' }
const IPV4_BYTES = 20
const IPV6_BYTES = 40
/** As much of a transport header as an ICMP error quotes at least (RFC 792). */
const QUOTED_BYTES = 8
const TCP_BYTES = 20

/** Where things are in an IP packet, so that they can be changed in place. Offsets count from the start of the buffer. */
export interface Layout {
  readonly family: 4 | 6
  readonly protocol: Protocol
  /** Of the IP header. */
  readonly at: number
  readonly sourceAt: number
  readonly destinationAt: number
  readonly addressBytes: 4 | 16
  readonly transportAt: number
  /** Behind the last byte. */
  readonly endAt: number
  /** Of an ICMP error: the packet that it quotes. */
  readonly quoted: Layout | undefined
}

/** A packet as the NAT sees it, and where to change it. */
export interface IpPacket extends SimPacket {
  readonly layout: Layout
}

/**
 * Reads an IP packet; undefined for what a NAT of this lab does not pass: other protocols, fragments (whose second half has no
 * ports; the real ones put them together first), IPv6 with extension headers, and what is not whole.
 */
export function readPacket(packet: DataView, length: number, addresses: AddressText): IpPacket | undefined {
  const layout = layoutOf(packet, 0, length, true)
  if (!layout) return undefined
  const head = headOf(packet, layout, addresses)
  const ttl = packet.getUint8(layout.family === 4 ? 8 : 7)
  const { transportAt, endAt, protocol, quoted } = layout
  if (protocol === 'udp') return { ...head, ttl, layout }
  if (protocol === 'tcp') {
    if (endAt - transportAt < TCP_BYTES) return undefined
    return { ...head, ttl, layout, tcp: flagsOf(packet.getUint8(transportAt + 13)) }
  }
  const type = icmpType(layout.family, packet.getUint8(transportAt), packet.getUint8(transportAt + 1))
  if (type === undefined) return undefined
  if (type === 'echo-request' || type === 'echo-reply') return { ...head, ttl, layout, icmp: { type } }
  return quoted && { ...head, ttl, layout, icmp: { type, about: headOf(packet, quoted, addresses) } }
}

/** @param whole whether all of it must be there: of a quoted packet only its beginning is */
function layoutOf(packet: DataView, at: number, endAt: number, whole: boolean): Layout | undefined {
  if (endAt - at < IPV4_BYTES) return undefined
  const version = packet.getUint8(at) >> 4
  return version === 4
    ? ipv4Layout(packet, at, endAt, whole)
    : version === 6
      ? ipv6Layout(packet, at, endAt, whole)
      : undefined
}

function ipv4Layout(packet: DataView, at: number, limit: number, whole: boolean): Layout | undefined {
  const headerBytes = (packet.getUint8(at) & 0x0f) * 4
  const endAt = at + packet.getUint16(at + 2)
  // a fragment has an offset, or the bit that says that more follow
  if (headerBytes < IPV4_BYTES || (packet.getUint16(at + 6) & 0x3fff) !== 0) return undefined
  return layout(
    packet,
    { family: 4, at, sourceAt: at + 12, addressBytes: 4 },
    packet.getUint8(at + 9),
    at + headerBytes,
    {
      endAt,
      limit,
      whole
    }
  )
}

function ipv6Layout(packet: DataView, at: number, limit: number, whole: boolean): Layout | undefined {
  if (limit - at < IPV6_BYTES) return undefined
  const endAt = at + IPV6_BYTES + packet.getUint16(at + 4)
  return layout(
    packet,
    { family: 6, at, sourceAt: at + 8, addressBytes: 16 },
    packet.getUint8(at + 6),
    at + IPV6_BYTES,
    {
      endAt,
      limit,
      whole
    }
  )
}

function layout(
  packet: DataView,
  head: Pick<Layout, 'family' | 'at' | 'sourceAt' | 'addressBytes'>,
  number: number,
  transportAt: number,
  { endAt, limit, whole }: { endAt: number; limit: number; whole: boolean }
): Layout | undefined {
  const protocol = PROTOCOLS[number]
  if (protocol === undefined || (number === 1 && head.family === 6) || (number === 58 && head.family === 4))
    return undefined
  const end = Math.min(endAt, limit)
  if ((whole && endAt > limit) || end - transportAt < QUOTED_BYTES) return undefined
  const mayQuote = whole && protocol === 'icmp' && !isEcho(packet, head.family, transportAt)
  const quoted = mayQuote ? layoutOf(packet, transportAt + QUOTED_BYTES, end, false) : undefined
  return { ...head, protocol, destinationAt: head.sourceAt + head.addressBytes, transportAt, endAt: end, quoted }
}

function headOf(packet: DataView, of: Layout, addresses: AddressText): PacketHead {
  const source = addresses.read(packet, of.sourceAt, of.addressBytes)
  const destination = addresses.read(packet, of.destinationAt, of.addressBytes)
  const [from, to] = portsOf(packet, of)
  const end = (address: string, port: number): Endpoint => ({ address, port })
  return { protocol: of.protocol, source: end(source, from), destination: end(destination, to) }
}

/** An echo's identifier is the port of the side that asks. */
function portsOf(packet: DataView, { family, protocol, transportAt }: Layout): [source: number, destination: number] {
  if (protocol !== 'icmp') return [packet.getUint16(transportAt), packet.getUint16(transportAt + 2)]
  switch (icmpType(family, packet.getUint8(transportAt), 0)) {
    case 'echo-request':
      return [packet.getUint16(transportAt + 4), 0]
    case 'echo-reply':
      return [0, packet.getUint16(transportAt + 4)]
    default:
      return [0, 0]
  }
}

function isEcho(packet: DataView, family: 4 | 6, transportAt: number): boolean {
  return icmpType(family, packet.getUint8(transportAt), 0)?.startsWith('echo') === true
}

/** RFC 792 and RFC 4443; undefined for those that concern no flow. */
export function icmpType(family: 4 | 6, type: number, code: number): Icmp['type'] | undefined {
  if (family === 4) {
    if (type === 3) return code === 4 ? 'too-big' : 'unreachable'
    return ({ 0: 'echo-reply', 8: 'echo-request', 11: 'time-exceeded' } as const)[type]
  }
  return ({ 1: 'unreachable', 2: 'too-big', 3: 'time-exceeded', 128: 'echo-request', 129: 'echo-reply' } as const)[type]
}

function flagsOf(byte: number): TcpFlags {
  return { fin: (byte & 1) !== 0, syn: (byte & 2) !== 0, rst: (byte & 4) !== 0, ack: (byte & 16) !== 0 }
}
