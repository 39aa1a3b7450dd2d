import ipaddr from 'ipaddr.js'
import { ipScope } from '../core/ip.ts'
import type { WayOut } from './hops.ts'

export interface LayerEvidence {
  /** Our own IPv4 address, with the length of its network's prefix. */
  readonly own: { readonly address: string; readonly prefixLength: number } | null
  /** As a server sees us. */
  readonly public: string | null
  /** What routers call their own outside addresses, by port mapping protocols. */
  readonly external: readonly string[]
  /** The routers on the way to the server. Null: nobody could ask. */
  readonly way: WayOut | null
}

export interface Layers {
  readonly natLayers: number | null
  readonly cgnat: boolean | null
}

/** The blocks of RFC 1918, and RFC 6598's, which is for what lies between a customer's router and the carrier's NAT. */
const BLOCKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'] as const
const CARRIER = '100.64.0.0/10'

/**
 * How many NATs are between us and the internet, and whether one is the carrier's. What a router says of its own outside address counts
 * most. The routers on the way show where one private block ends and the next begins; two networks of one block may be routed or
 * translated, which cannot be told, and neither can what a silent router hides.
 */
export function layers({ own, public: seen, external, way: seenWay }: LayerEvidence): Layers {
  if (own == null || seen == null) return { natLayers: null, cgnat: null }
  if (own.address === seen) return { natLayers: 0, cgnat: false }
  const way = seenWay == null ? null : untilPublic(seenWay, seen)
  const outside = external.filter(address => ipScope(address) !== 'invalid')
  const carrier = [own.address, ...outside, ...(way?.routers ?? [])].some(address => blockOf(address) === CARRIER)
  const counted = way == null ? null : count(own, way)
  if (outside.includes(seen)) return { natLayers: 1, cgnat: false }
  const inner = outside.find(address => blockOf(address) != null)
  if (inner != null) {
    // the router has an outside address that is not public: there is another NAT beyond, or several, which only the way shows
    const natLayers = counted == null ? (carrier ? 2 : null) : Math.max(2, counted)
    return { natLayers: natLayers ?? 2, cgnat: carrier ? true : counted == null ? null : false }
  }
  if (carrier) return { natLayers: counted ?? (blockOf(own.address) === CARRIER ? 1 : null), cgnat: true }
  return counted == null ? { natLayers: null, cgnat: null } : { natLayers: counted, cgnat: false }
}

interface Way {
  /** Private ones that answered. */
  readonly routers: readonly string[]
  /** Whether each router answered up to where the internet begins: the first public one, or the server itself. */
  readonly complete: boolean
}

function untilPublic({ routers, arrives }: WayOut, seen: string): Way {
  const end = routers.findIndex(router => router != null && blockOf(router) == null)
  const before = end < 0 ? routers : routers.slice(0, end)
  // a server in a private network may be among the routers: then only one of them is surely the NAT, where there is one only
  const ends = end >= 0 || (arrives && (blockOf(seen) == null || routers.length === 1))
  return { routers: before.filter(router => router != null), complete: ends && !before.includes(null) }
}

/** Each change of block is a NAT, and so is the end of the last one; null where that does not hold. */
function count(own: { address: string; prefixLength: number }, { routers, complete }: Way): number | null {
  if (!complete) return null
  let block = blockOf(own.address)
  // a public address that is translated all the same: no block to begin with
  if (block == null) return routers.length === 0 ? 1 : null
  let natLayers = 1
  for (const [index, router] of routers.entries()) {
    const next = blockOf(router)
    if (next !== block) natLayers++
    else if (index > 0 || !within(router, own)) {
      // the carrier's own routers are many, and translate once
      if (block !== CARRIER) return null
    }
    block = next
  }
  return natLayers
}

function blockOf(address: string): (typeof BLOCKS)[number] | null {
  if (!ipaddr.IPv4.isValid(address)) return null
  const parsed = ipaddr.IPv4.parse(address)
  return BLOCKS.find(block => parsed.match(ipaddr.IPv4.parseCIDR(block))) ?? null
}

function within(router: string, own: { address: string; prefixLength: number }): boolean {
  return ipaddr.IPv4.parse(router).match(ipaddr.IPv4.parse(own.address), own.prefixLength)
}
