/** Parts for `createLibp2p`: transports and services that take the place of js-libp2p's own. */
export { type CircuitOptions, circuitRelay, type Reservation, type ReservationEvents } from './circuit/index.ts'
export { type Dcutr, type DcutrEvents, type DcutrOptions, dcutr, type Upgrade } from './dcutr/index.ts'
export { optimisticMuxer } from './optimistic.ts'
export { type QuicOptions, quic } from './quic/index.ts'
