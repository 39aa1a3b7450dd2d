import type { Endpoint } from '../../core/machine.ts'
import type { PacketHead, SimPacket } from './packet.ts'

/** An ICMP error on its way, with the quoted packet apart. */
export interface IcmpError<Packet extends SimPacket> {
  readonly packet: Packet
  readonly about: PacketHead
}

/** The packet as an ICMP error; undefined when it is none. */
export function asIcmpError<Packet extends SimPacket>(packet: Packet): IcmpError<Packet> | undefined {
  return packet.icmp && 'about' in packet.icmp ? { packet, about: packet.icmp.about } : undefined
}

/** An error from outside about a packet that left: both it and its quotation go to the inside endpoint (RFC 5508 REQ-4). */
export function toInside<Packet extends SimPacket>({ packet, about }: IcmpError<Packet>, internal: Endpoint): Packet {
  return quoting({ ...packet, destination: { address: internal.address, port: 0 } }, { ...about, source: internal })
}

/**
 * An error from inside about a packet that was let in. It comes from the public address, whoever in there made it (RFC 5508 REQ-5);
 * `source` undefined leaves it as it is, for a firewall.
 */
export function toOutside<Packet extends SimPacket>(
  { packet, about }: IcmpError<Packet>,
  external: Endpoint,
  source: string | undefined
): Packet {
  const from = source === undefined ? packet : { ...packet, source: { address: source, port: 0 } }
  return quoting(from, { ...about, destination: external })
}

function quoting<Packet extends SimPacket>(packet: Packet, about: PacketHead): Packet {
  return packet.icmp && 'about' in packet.icmp ? { ...packet, icmp: { type: packet.icmp.type, about } } : packet
}
