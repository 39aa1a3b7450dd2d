import { isIP } from 'node:net'
import { canonicalIp, ipScope } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family } from '../core/net.ts'
import { sameEndpoint } from '../core/stun-transaction.ts'

/** Where a hub has its STUN server beside the one on its QUIC port (RFC 8489 section 8.1). */
export const STUN_PORT = 3_478
/** More hubs than that know nothing more about our NAT. */
const MAX_SERVERS = 4
/** How many servers may each name the three other sockets that they have. */
const MAX_NAMING = 2

/** Those of one family, each once, no more than are of use. */
export function serversOf(servers: readonly Endpoint[], family: Family): Endpoint[] {
  return distinct(
    servers.flatMap(({ address, port }) =>
      // nobody is asked at port 0, and one bad address must not spoil what the others tell
      isIP(address) === family && port !== 0 ? [{ address: canonicalIp(address)!, port }] : []
    )
  ).slice(0, MAX_SERVERS)
}

/** The usual port of the same machines: where it answers, one address has two ports. */
export function usualPorts(servers: readonly Endpoint[]): Endpoint[] {
  return without(distinct(servers.map(({ address }) => ({ address, port: STUN_PORT }))), servers)
}

/** What a server says of itself: which of its sockets answered, and the one with another address and another port. */
export interface Naming {
  readonly server: Endpoint
  readonly other: Endpoint | undefined
}

/**
 * The further sockets of servers with two addresses: {its addresses} x {its ports} (RFC 5780 section 6). The name comes from a
 * stranger, so it must be as public as the server itself is, and few are asked.
 */
export function furtherOf(namings: readonly Naming[], asked: readonly Endpoint[]): Endpoint[] {
  const believed = namings.filter(believable)
  // a server's sockets name each other
  const first = believed.filter(
    ({ server }, index) => believed.findIndex(each => each.server.address === server.address) === index
  )
  const naming = first.slice(0, MAX_NAMING)
  const further = naming.flatMap(({ server, other }) => [
    { address: server.address, port: other.port },
    { address: other.address, port: server.port },
    other
  ])
  return without(distinct(further), asked)
}

export function believable(naming: Naming): naming is { server: Endpoint; other: Endpoint } {
  const { server, other } = naming
  if (other == null || other.port === 0 || isIP(other.address) !== isIP(server.address)) return false
  return ipScope(other.address) === 'public' || ipScope(other.address) === ipScope(server.address)
}

function distinct(endpoints: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter((endpoint, index) => endpoints.findIndex(each => sameEndpoint(each, endpoint)) === index)
}

function without(endpoints: readonly Endpoint[], taken: readonly Endpoint[]): Endpoint[] {
  return endpoints.filter(endpoint => !taken.some(each => sameEndpoint(each, endpoint)))
}
