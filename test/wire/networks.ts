import fc from 'fast-check'
import { MAX_CANDIDATES, type PathCandidate } from '../../src/wire/path.ts'
import type { NetworkSummary, TransportSummary } from '../../src/wire/summary.ts'

/** What candidates and summaries are made of in tests. */

const ordinary = { noNullPrototype: true }
const anyAddress = fc.oneof(fc.ipV4(), fc.constantFrom('::', '::1', '2001:db8::1:0:0:7', 'fe80::1', '::ffff:c0a8:1'))

const anyCandidate: fc.Arbitrary<PathCandidate> = fc.record(
  {
    kind: fc.constantFrom('host', 'observed', 'mapped'),
    transport: fc.constantFrom('udp', 'tcp'),
    address: anyAddress,
    port: fc.integer({ min: 1, max: 65_535 })
  },
  ordinary
)
export const anyCandidates = fc.array(anyCandidate, { maxLength: MAX_CANDIDATES })

const known = fc.option(fc.boolean())
const behaviour = fc.option(
  fc.constantFrom('endpoint-independent', 'address-dependent', 'address-and-port-dependent' as const)
)
const anyTransport: fc.Arbitrary<TransportSummary> = fc.record(
  {
    ok: fc.boolean(),
    translated: known,
    mapping: behaviour,
    filtering: behaviour,
    allocation: fc.option(fc.constantFrom('preserving', 'sequential', 'random' as const)),
    step: fc.option(fc.integer({ min: -16, max: 16 })),
    hairpin: known
  },
  ordinary
)
export const anySummary: fc.Arbitrary<NetworkSummary> = fc.record(
  {
    udp4: anyTransport,
    udp6: anyTransport,
    tcp4: anyTransport,
    tcp6: anyTransport,
    publicAddresses: fc.array(anyAddress, { maxLength: 4 }),
    mapped: fc.boolean(),
    reachability: fc.constantFrom('public', 'private', 'unknown'),
    uplinks: fc.integer({ min: 0, max: 16 })
  },
  ordinary
)

export const SHUT_TRANSPORT: TransportSummary = {
  ok: false,
  translated: null,
  mapping: null,
  filtering: null,
  allocation: null,
  step: null,
  hairpin: null
}
/** Nothing comes back by any way, and no more is known. */
export const SHUT_NETWORK: NetworkSummary = {
  udp4: SHUT_TRANSPORT,
  udp6: SHUT_TRANSPORT,
  tcp4: SHUT_TRANSPORT,
  tcp6: SHUT_TRANSPORT,
  publicAddresses: [],
  mapped: false,
  reachability: 'unknown',
  uplinks: 0
}

const nat: TransportSummary = {
  ok: true,
  translated: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  allocation: 'preserving',
  step: null,
  hairpin: false
}
const firewall: TransportSummary = {
  ...SHUT_TRANSPORT,
  ok: true,
  translated: false,
  filtering: 'address-and-port-dependent'
}
/** A home with IPv6, a router that has mapped a port, and nothing unknown that can be found out. */
export const HOME: NetworkSummary = {
  udp4: nat,
  udp6: firewall,
  tcp4: nat,
  tcp6: firewall,
  publicAddresses: ['11.0.0.7', '2001:db8::7'],
  mapped: true,
  reachability: 'private',
  uplinks: 1
}
/** docs/path-protocol.md, encoded by hand. */
export const HOME_BYTES =
  '0a0c 080110011801200328013800 1206 080110002003 1a0c 080110011801200328013800 2206 080110002003' +
  '2a04 0b000007 2a10 20010db8000000000000000000000007 3001 3802 4001'
