/** NAT behaviour as a pure function of packets and time. */
export type { NatBehaviour, NatLifetimes, NatOptions } from './behaviour.ts'
export { NAT_DEFAULTS } from './behaviour.ts'
export type { MappingView } from './mapping.ts'
export type { MappingRequest, NatContext } from './nat.ts'
export { Nat } from './nat.ts'
export type { Icmp, PacketHead, Protocol, SimPacket, TcpFlags } from './packet.ts'
export type { DropReason, NatVerdict } from './verdict.ts'
export { DROP_REASONS } from './verdict.ts'
