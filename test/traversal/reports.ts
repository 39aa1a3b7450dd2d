import type { NetworkReport, PortMappingReport, TransportReport } from '../../src/nat/report.ts'

/** Of a transport that was not asked about, or that nothing came back from. */
export const SILENT: TransportReport = {
  ok: false,
  public: null,
  local: null,
  translated: null,
  mapping: null,
  mappingPossible: [],
  filtering: null,
  filteringPossible: [],
  portAllocation: null,
  portStep: null,
  portParity: null,
  hairpin: null,
  mappingLifetimeSeconds: null,
  publicAddresses: [],
  pathMtu: null,
  unknowns: []
}

export const EASY: TransportReport = {
  ...SILENT,
  ok: true,
  public: '11.2.0.10:40001',
  local: '192.168.2.10',
  translated: true,
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  portAllocation: 'preserving',
  hairpin: false,
  publicAddresses: ['11.2.0.10'],
  unknowns: [
    { what: 'mappingLifetimeSeconds', why: 'not-asked' },
    { what: 'pathMtu', why: 'not-asked' }
  ]
}

export const HARD: TransportReport = {
  ...EASY,
  public: '11.2.0.10:51234',
  mapping: 'address-and-port-dependent',
  portAllocation: 'random'
}

export const UNTRANSLATED: TransportReport = {
  ...EASY,
  public: '11.2.0.10:40001',
  local: '11.2.0.10',
  translated: false,
  filtering: 'endpoint-independent',
  hairpin: null
}

export const FIREWALLED: TransportReport = { ...UNTRANSLATED, filtering: 'address-and-port-dependent' }

export const NATIVE6: TransportReport = {
  ...UNTRANSLATED,
  public: '[2a0b:beef:2:1::10]:40001',
  local: '2a0b:beef:2:1::10',
  filtering: 'address-and-port-dependent',
  publicAddresses: ['2a0b:beef:2:1::10']
}

export const NO_MAPPING: PortMappingReport = { ok: false, gateway: null, external: null, reason: 'no-answer' }

export const MAPPED: PortMappingReport = { ok: true, gateway: '192.168.2.1', external: '11.2.0.10', reason: null }

export const HUB = { id: '12D3KooWQvWcfJr22BnyGgtxLyBUsBv8xikpd8VRV4Nii8aeqhQL', rttMs: 41.26 }

/** Behind a home router of the usual kind, and whatever is different. */
export function report(changes: Partial<NetworkReport> = {}): NetworkReport {
  return {
    udp4: EASY,
    udp6: SILENT,
    tcp4: EASY,
    tcp6: SILENT,
    ipv6: { kind: 'none', nat64: null },
    portMapping: { pcp: NO_MAPPING, natPmp: NO_MAPPING, upnp: NO_MAPPING },
    natLayers: 1,
    cgnat: false,
    uplinks: 1,
    hops: ['192.168.2.1'],
    proxy: null,
    captivePortal: null,
    reachability: 'private',
    addresses: [],
    hubs: [HUB],
    ...changes
  }
}

/** A machine in each of the places that bench/grid.ts measures. */
export const NETWORKS = {
  public: report({ udp4: UNTRANSLATED, tcp4: UNTRANSLATED, natLayers: 0, hops: [], reachability: 'public' }),
  firewall: report({ udp4: FIREWALLED, tcp4: FIREWALLED, natLayers: 0, hops: ['11.2.1.1'] }),
  'easy-nat': report(),
  'double-nat': report({ natLayers: 2, cgnat: true, hops: ['192.168.2.1', '100.64.3.1'] }),
  'hard-nat': report({ udp4: HARD, tcp4: HARD }),
  'udp-blocked': report({ udp4: SILENT })
} as const satisfies Record<string, NetworkReport>

/** No hub was given, so nobody was asked. */
export const NO_HUB = report({
  udp4: { ...SILENT, local: '192.168.2.10', unknowns: [{ what: 'mapping', why: 'no-server' }] },
  tcp4: SILENT,
  natLayers: null,
  cgnat: null,
  reachability: 'unknown',
  hubs: []
})

/** The hub was asked, and nothing came back. */
export const OFFLINE = { ...NO_HUB, hubs: [{ ...HUB, rttMs: null }] }
