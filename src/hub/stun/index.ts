export { stunHosts } from './hosts.ts'
export { STUN_LIMITS, type StunLimits } from './limits.ts'
export { type StunHost, type StunServer, type StunServerOptions, startStunServer } from './server.ts'
export type { StunTls } from './streams.ts'
