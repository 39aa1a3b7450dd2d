import type { SimPacket } from './packet.ts'

/** Why a NAT lets a packet go no further. */
export const DROP_REASONS = {
  'udp-blocked': 'UDP does not pass',
  'icmp-blocked': 'ICMP errors do not pass',
  'no-mapping': 'nothing inside has that address and port outside',
  filtered: 'the mapping is there, and its owner has not sent to that remote',
  'no-connection': 'a TCP segment that opens no connection and belongs to none',
  'no-hairpin': 'from inside to a public address, which this NAT does not turn around',
  'no-port': 'no public port is free',
  'table-full': 'a bound of the tables was reached',
  'foreign-family': 'IPv4 at a NAT for IPv6, or the other way around'
} as const
export type DropReason = keyof typeof DROP_REASONS

/** What becomes of a packet. A reply goes back to where the packet came from. */
export type NatVerdict<Packet extends SimPacket = SimPacket> =
  | { readonly to: 'outside' | 'inside'; readonly packet: Packet }
  | { readonly drop: DropReason }
  | { readonly reply: SimPacket }
