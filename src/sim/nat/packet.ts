import type { Endpoint } from '../../core/machine.ts'

export type Protocol = 'udp' | 'tcp' | 'icmp'

export interface TcpFlags {
  readonly syn: boolean
  readonly ack: boolean
  readonly fin: boolean
  readonly rst: boolean
}

/** Echo, or an error with the packet that it is about: as the sender of the error saw that packet. */
export type Icmp =
  | { readonly type: 'echo-request' | 'echo-reply' }
  | { readonly type: 'unreachable' | 'time-exceeded' | 'too-big'; readonly about: PacketHead }

/** What an ICMP error quotes: enough to find the mapping that it concerns (RFC 5508 REQ-4). */
export interface PacketHead {
  readonly protocol: Protocol
  readonly source: Endpoint
  readonly destination: Endpoint
}

/**
 * What a NAT looks at in an IP packet of either family. Addresses are in their canonical spelling (core/ip.ts), so that they can
 * be compared as text. An echo has its identifier as the port of the side that asks, and 0 as that of the other side; an ICMP error
 * has port 0 on both. Whoever calls may have more in a packet: the NAT hands it on as it is.
 */
export interface SimPacket extends PacketHead {
  /** A router's affair, not the NAT's: here to be handed on. */
  readonly ttl: number
  readonly tcp?: TcpFlags
  readonly icmp?: Icmp
}
