import type { RouterSpec, SimSpec } from '../../../src/sim/index.ts'

const link = { delayMs: 20 }
const easy = { mapping: 'endpoint-independent', link } as const
const perHost = { mapping: 'address-dependent', link } as const
const perPort = { mapping: 'address-and-port-dependent', link } as const

/** Where a peer may be: what is between it and the internet, the outermost first. */
export const PLACES = {
  open: [],
  firewall: [{ mapping: 'none', link }],
  'home, lets all in': [{ ...easy, filtering: 'endpoint-independent' }],
  'home, lets hosts in': [{ ...easy, filtering: 'address-dependent' }],
  home: [easy],
  'home behind a carrier': [easy, { mapping: 'endpoint-independent' }],
  'sequential per host': [{ ...perHost, allocation: 'sequential' }],
  'sequential per port': [{ ...perPort, allocation: 'sequential' }],
  'random per host': [{ ...perHost, allocation: 'random' }],
  'random per port': [{ ...perPort, allocation: 'random' }],
  'random carrier': [{ ...perPort, allocation: 'random' }, { mapping: 'endpoint-independent' }],
  'UDP blocked': [{ ...easy, blockUdp: true }]
} as const satisfies Record<string, readonly RouterSpec[]>

export type Place = keyof typeof PLACES

export const PLACE_NAMES = Object.keys(PLACES) as readonly Place[]

const twoHomes = {
  homeA: { ...easy, behind: 'nat' },
  homeB: { ...easy, behind: 'nat' },
  a: { behind: 'homeA' },
  b: { behind: 'homeB' }
} as const satisfies SimSpec
const neighbours = { a: { behind: 'nat' }, b: { behind: 'nat' } } as const satisfies SimSpec

/** Pairs that have a NAT in common. */
export const NEIGHBOURS = {
  'one home': { nat: easy, ...neighbours },
  'one home, hairpin': { nat: { ...easy, hairpin: true }, ...neighbours },
  'one network of random ports': { nat: { ...perPort, allocation: 'random' }, ...neighbours },
  'two homes, one carrier, hairpin': { nat: { ...easy, hairpin: true }, ...twoHomes },
  'two homes, one carrier': { nat: easy, ...twoHomes },
  'a router behind the router': {
    nat: easy,
    inner: { mapping: 'endpoint-independent', behind: 'nat' },
    a: { behind: 'nat' },
    b: { behind: 'inner' }
  }
} as const satisfies Record<string, SimSpec>

export type Neighbours = keyof typeof NEIGHBOURS

/** Two peers in places of their own. */
export function between(a: Place, b: Place): SimSpec {
  return { ...placed('a', PLACES[a]), ...placed('b', PLACES[b]) }
}

function placed(name: string, routers: readonly RouterSpec[]): SimSpec {
  const names = routers.map((_, layer) => `${name}${layer}`)
  const nodes = routers.map((router, layer) => {
    const outer = names[layer - 1]
    return [names[layer]!, { ...router, ...(outer == null ? {} : { behind: outer }) }] as const
  })
  const inner = names.at(-1)
  return { ...Object.fromEntries(nodes), [name]: inner == null ? { link } : { behind: inner } }
}
