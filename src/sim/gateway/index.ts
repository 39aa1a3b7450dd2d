export { openGateway, SimGateway } from './gateway.ts'
export type { Lease, LeaseProtocol } from './leases.ts'
export type { GatewayCounts, GatewayFaults, GatewayOptions } from './options.ts'
