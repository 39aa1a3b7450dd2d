import type { LabSpec, LinkSpec } from './spec.ts'

/** What all presets can vary. */
export interface PresetOptions {
  /** Shapes the way from the internet to each peer's site (not the hub's), so peers are two such links apart. */
  link?: LinkSpec
  /** Gives everyone IPv6 as well. @default false */
  ipv6?: boolean
}

/** The hub has two addresses, for STUN's alternate one. */
const hub = { addresses: 2 }
const alice = { behind: 'natA' }
const bob = { behind: 'natB' }
const easy = { mapping: 'endpoint-independent' } as const
const hard = { mapping: 'address-and-port-dependent' } as const
const firewall = { mapping: 'none' } as const

/** Named labs: always `hub`, `alice` and `bob`, and between them what the name says. */
export const PRESETS = {
  public: { about: 'no NAT anywhere', spec: { hub, alice: {}, bob: {} } },
  'easy-easy': {
    about: 'two NATs with endpoint-independent mapping',
    spec: { hub, natA: easy, natB: easy, alice, bob }
  },
  'easy-hard': {
    about: "bob's NAT maps address- and port-dependently",
    spec: { hub, natA: easy, natB: hard, alice, bob }
  },
  'hard-hard': {
    about: 'both NATs map address- and port-dependently',
    spec: { hub, natA: hard, natB: hard, alice, bob }
  },
  firewall: {
    about: 'public addresses behind stateful firewalls',
    spec: { hub, natA: firewall, natB: firewall, alice, bob }
  },
  'public-easy': { about: 'alice is public, bob behind a NAT', spec: { hub, natB: easy, alice: {}, bob } },
  'double-nat': {
    about: 'alice behind a home NAT behind a carrier-grade one',
    spec: { hub, carrier: easy, natA: { ...easy, behind: 'carrier' }, natB: easy, alice, bob }
  },
  'same-nat': {
    about: 'alice and bob in one LAN',
    spec: { hub, natA: easy, alice, bob: { behind: 'natA' } }
  },
  'same-carrier': {
    about: 'two home NATs behind one carrier-grade NAT that hairpins',
    spec: {
      hub,
      carrier: { ...easy, hairpin: true },
      natA: { ...easy, behind: 'carrier' },
      natB: { ...easy, behind: 'carrier' },
      alice,
      bob
    }
  },
  resetting: {
    about: 'two NATs that answer unsolicited TCP with a reset',
    spec: { hub, natA: { ...easy, unsolicited: 'reset' }, natB: { ...easy, unsolicited: 'reset' }, alice, bob }
  },
  open: {
    about: 'two NATs without a firewall of their own, which take unsolicited packets for themselves',
    spec: { hub, natA: { ...easy, unsolicited: 'accept' }, natB: { ...easy, unsolicited: 'accept' }, alice, bob }
  },
  'udp-blocked': {
    about: "alice's NAT drops UDP",
    spec: { hub, natA: { ...easy, blockUdp: true }, natB: easy, alice, bob }
  },
  unfiltered: {
    about: "alice's NAT lets everybody in who knows the public port",
    spec: { hub, natA: { ...easy, filtering: 'endpoint-independent' }, natB: hard, alice, bob }
  },
  sequential: {
    about: "bob's NAT has the next port for each destination",
    spec: { hub, natA: easy, natB: { ...hard, allocation: 'sequential' }, alice, bob }
  },
  nat64: {
    about: 'alice has IPv6 only, and a NAT64 to the IPv4 internet',
    spec: {
      hub,
      natA: { ...easy, nat64: true },
      natB: easy,
      alice: { ...alice, ipv6: true, ipv4: false },
      bob
    }
  }
} as const satisfies Record<string, { about: string; spec: LabSpec }>

export type PresetName = keyof typeof PRESETS

/** A named lab's spec, which may be changed further. @throws Error when there is none of that name */
export function preset(name: string, { link, ipv6 }: PresetOptions = {}): LabSpec {
  if (!Object.hasOwn(PRESETS, name)) {
    throw new Error(`no preset '${name}': there are ${Object.keys(PRESETS).join(', ')}`)
  }
  const spec: LabSpec = structuredClone(PRESETS[name as PresetName].spec)
  for (const [node, its] of Object.entries(spec)) {
    if (link && node !== 'hub' && its.behind === undefined) its.link = { ...link }
    if (ipv6 && !('mapping' in its)) its.ipv6 = true
  }
  return spec
}
