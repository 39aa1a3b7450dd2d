/** Parts for `createLibp2p`: transports and services that take the place of js-libp2p's own. */
export {
  type AddressSource,
  type Autonat,
  type AutonatSettings,
  autonat,
  type NetworkReachability
} from './autonat/index.ts'
export { type CircuitOptions, circuitRelay, type Reservation, type ReservationEvents } from './circuit/index.ts'
export { type Dcutr, type DcutrEvents, type DcutrOptions, dcutr, type Upgrade } from './dcutr/index.ts'
export { MappedPorts, type MappedPortsEvents } from './mapped/ports.ts'
export { optimisticMuxer } from './optimistic.ts'
export { type KnownPeer, openPeerRecord, type RecordInit, sealPeerRecord } from './peer-record.ts'
export { type QuicOptions, quic } from './quic/index.ts'
export { type TcpOptions, tcp } from './tcp/index.ts'
