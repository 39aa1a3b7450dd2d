import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import { canonicalIp, ipScope } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { InterfaceAddress } from '../../core/net.ts'
import type { LocalPeers } from '../../traversal/techniques/local.ts'
import { inPrefix } from './prefix.ts'

export const NEIGHBOURS = {
  peers: 1_024,
  addresses: 8,
  /** Of what asks every five minutes: three questions in vain. */
  expireMs: 900_000,
  /** Announcements that are looked at: a LAN full of peers, all of which answer one question, and then ten a second. */
  heard: { burst: 1_024, refillMs: 100, maxKeys: 1 }
} as const

export interface NeighboursInit {
  readonly clock: Clock
  /** Of our interfaces. */
  readonly own: () => readonly InterfaceAddress[]
}

/**
 * Who is in our LAN, and where there. Anybody in it can say so of any peer: it is a hint, which costs a few checks that only the peer itself can
 * answer. What is told is sent to in our own networks only, so that nobody sends us elsewhere.
 */
export class Neighbours implements LocalPeers {
  readonly #init: NeighboursInit
  readonly #changes = new Events<{ change: string }>()
  readonly #allowance = new Allowance(NEIGHBOURS.heard)
  /** Who was heard of last is the last; likewise of addresses. */
  readonly #peers = new Map<string, Map<string, { readonly endpoint: Endpoint; readonly atMs: number }>>()

  constructor(init: NeighboursInit) {
    this.#init = init
  }

  /** How many peers are remembered. */
  get size(): number {
    return this.#peers.size
  }

  /** The last heard of first. */
  of(peer: string): readonly Endpoint[] {
    const sinceMs = this.#init.clock.now() - NEIGHBOURS.expireMs
    const known = [...(this.#peers.get(peer)?.values() ?? [])].filter(({ atMs }) => atMs > sinceMs)
    return known.reverse().map(({ endpoint }) => endpoint)
  }

  onChange(listener: (peer: string) => void): () => void {
    return this.#changes.on('change', listener)
  }

  /** A peer, or whoever calls itself that, says where it is. */
  heard(peer: string, endpoints: readonly Endpoint[]): void {
    const { clock, own } = this.#init
    const nowMs = clock.now()
    if (!this.#allowance.take('', nowMs)) return
    const interfaces = own()
    const near = endpoints.slice(0, NEIGHBOURS.addresses).flatMap(endpoint => nearby(endpoint, interfaces) ?? [])
    if (near.length === 0) return
    const before = new Set(this.of(peer).map(textOf))
    const known = this.#peers.get(peer) ?? new Map()
    this.#peers.delete(peer)
    this.#peers.set(peer, known)
    for (const endpoint of near) {
      known.delete(textOf(endpoint))
      known.set(textOf(endpoint), { endpoint, atMs: nowMs })
    }
    dropOldest(known, NEIGHBOURS.addresses)
    dropOldest(this.#peers, NEIGHBOURS.peers)
    if (near.some(endpoint => !before.has(textOf(endpoint)))) this.#changes.emit('change', peer)
  }

  /** We are in another LAN. */
  forget(): void {
    this.#peers.clear()
  }
}

/** @returns undefined where it is not in a private network that one of our interfaces is in, too */
function nearby({ address, port }: Endpoint, own: readonly InterfaceAddress[]): Endpoint | undefined {
  const canonical = canonicalIp(address)
  if (canonical == null || !Number.isInteger(port) || port < 1 || port > 0xffff) return undefined
  const scope = ipScope(canonical)
  // an IPv6 link-local address means nothing without the interface
  const isLocal = scope === 'private' || (scope === 'link-local' && !canonical.includes(':'))
  if (!isLocal || own.some(each => canonicalIp(each.address) === canonical)) return undefined
  return own.some(each => inPrefix(canonical, each)) ? { address: canonical, port } : undefined
}

function dropOldest<T>(map: Map<string, T>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return
    map.delete(oldest)
  }
}

function textOf({ address, port }: Endpoint): string {
  return `${address} ${port}`
}
