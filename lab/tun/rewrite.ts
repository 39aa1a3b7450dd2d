import type { Endpoint } from '../../src/core/machine.ts'
import type { PacketHead } from '../../src/sim/nat/index.ts'
import type { AddressText } from './address-text.ts'
import { checksum, setWord, sum } from './checksum.ts'
import type { IpPacket, Layout } from './ip-packet.ts'

/** What a packet's checksum field is at, from the start of its transport header. */
const CHECKSUM_AT = { udp: 6, tcp: 16, icmp: 2 } as const

/** Makes the bytes of a packet say what the NAT made of it. */
export function rewrite(packet: DataView, verdict: IpPacket, addresses: AddressText): void {
  const { layout, icmp } = verdict
  rewriteHead(packet, layout, verdict, addresses)
  if (!layout.quoted || !icmp || !('about' in icmp)) return
  rewriteHead(packet, layout.quoted, icmp.about, addresses)
  // the quotation has checksums of its own in it: simpler to begin anew than to follow them all
  const at = layout.transportAt + CHECKSUM_AT.icmp
  packet.setUint16(at, 0)
  packet.setUint16(
    at,
    checksum(packet, layout.transportAt, layout.endAt, layout.family === 6 ? pseudo(packet, layout) : 0)
  )
}

/**
 * The kernel counts a hop on the way to the device and another behind it; we are one router, so it gets one back. It was at
 * least two, or the kernel would have said that its time was exceeded: it is at most 254 here.
 */
export function returnHop(packet: DataView, { family, at }: Layout): void {
  // a word, because that is what checksums are made of: TTL and protocol (RFC 791)
  if (family === 4) setWord(packet, at + 8, packet.getUint16(at + 8) + 0x100, at + 10)
  else packet.setUint8(at + 7, packet.getUint8(at + 7) + 1)
}

function rewriteHead(packet: DataView, layout: Layout, head: PacketHead, addresses: AddressText): void {
  const { family, at, sourceAt, destinationAt, protocol, transportAt } = layout
  const ipChecksum = family === 4 ? at + 10 : -1
  const own = checksumPlace(packet, layout)
  // ICMP's checksum leaves addresses out (RFC 792), all others and ICMPv6's have them in
  const pseudoChecksum = protocol === 'icmp' && family === 4 ? -1 : own
  setAddress(packet, sourceAt, addresses.bytesOf(head.source.address), ipChecksum, pseudoChecksum)
  setAddress(packet, destinationAt, addresses.bytesOf(head.destination.address), ipChecksum, pseudoChecksum)
  if (protocol === 'icmp') {
    // of an error there is no identifier, but its use is 0 on both sides then
    if (!layout.quoted && isEchoLike(head)) setWord(packet, transportAt + 4, identifier(head), own)
  } else {
    setWord(packet, transportAt, head.source.port, own)
    setWord(packet, transportAt + 2, head.destination.port, own)
  }
  // 0 means that there is none (RFC 768)
  if (protocol === 'udp' && own >= 0 && packet.getUint16(own) === 0) packet.setUint16(own, 0xffff)
}

/** Negative where there is none: an unset one of UDP, or one that a quotation has cut off. */
function checksumPlace(packet: DataView, { protocol, transportAt, endAt }: Layout): number {
  const place = transportAt + CHECKSUM_AT[protocol]
  if (place + 2 > endAt) return -1
  return protocol === 'udp' && packet.getUint16(place) === 0 ? -1 : place
}

function setAddress(packet: DataView, at: number, bytes: Uint8Array, first: number, second: number): void {
  for (let i = 0; i < bytes.length; i += 2) setWord(packet, at + i, (bytes[i]! << 8) | bytes[i + 1]!, first, second)
}

function isEchoLike({ source, destination }: PacketHead): boolean {
  return source.port !== 0 || destination.port !== 0
}

function identifier({ source, destination }: { source: Endpoint; destination: Endpoint }): number {
  return source.port === 0 ? destination.port : source.port
}

/** Of IPv6's pseudo header (RFC 8200 section 8.1): addresses, length, next header. */
function pseudo(packet: DataView, { sourceAt, transportAt, endAt }: Layout): number {
  const ICMPV6 = 58
  return sum(packet, sourceAt, sourceAt + 32) + (endAt - transportAt) + ICMPV6
}
