import type { Libp2pEvents } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { TypedEventTarget } from 'main-event'
import { Events } from '../../core/events.ts'
import { type AllowPrivate, canonicalIp, ipScope, mayReach } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Mapped } from '../../portmap/index.ts'
import { type CandidateKind, MAX_CANDIDATES, type PathCandidate } from '../../wire/path.ts'
import { endpointOf } from '../candidate.ts'
import { OBSERVED, type ObservedAddress } from '../observed.ts'
import { isQuicAddress } from '../quic/address.ts'
import type { CandidateSource } from './context.ts'

/** Who tells of a change by calling back. */
interface Changing {
  /** @returns a function that takes the listener away again */
  onChange(listener: () => void): () => void
}

export interface OwnCandidatesInit {
  readonly events: Pick<TypedEventTarget<Libp2pEvents>, 'addEventListener' | 'removeEventListener'>
  /** What we listen on, with the addresses that our interfaces have now. */
  readonly listening: { getAddrs(): readonly Multiaddr[] }
  readonly observed: Changing & { list(): readonly ObservedAddress[] }
  readonly mapped: Changing & { readonly mapped: readonly Mapped[] }
  readonly allowPrivate: AllowPrivate
}

const LISTENERS_CHANGE = ['transport:listening', 'transport:close'] as const

/** A port that a router has opened for everybody is worth more than one that only lets answers in, if a firewall stands before it. */
const KINDS: readonly CandidateKind[] = ['mapped', 'host', 'observed']

/** Where peers may reach this node now: what it offers to the other side of a link. */
export class OwnCandidates implements CandidateSource {
  readonly #init: OwnCandidatesInit
  readonly #changes = new Events<{ change: undefined }>()
  readonly #off: readonly (() => void)[]
  #told: string

  constructor(init: OwnCandidatesInit) {
    this.#init = init
    const { events, observed, mapped } = init
    const look = () => this.look()
    for (const each of LISTENERS_CHANGE) events.addEventListener(each, look)
    this.#off = [
      observed.onChange(look),
      mapped.onChange(look),
      ...LISTENERS_CHANGE.map(each => () => events.removeEventListener(each, look))
    ]
    this.#told = textOf(this.list())
  }

  /** The best first. Asks nobody and waits for nothing: a connect goes on with what is known. */
  list(): readonly PathCandidate[] {
    const { listening, observed, mapped, allowPrivate } = this.#init
    return candidatesFrom(listening.getAddrs(), observed.list(), mapped.mapped, allowPrivate)
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on('change', listener)
  }

  /** To be called when our network has changed: interfaces do not tell. */
  look(): void {
    const now = textOf(this.list())
    if (now === this.#told) return
    this.#told = now
    this.#changes.emit('change', undefined)
  }

  close(): void {
    for (const off of this.#off) off()
    this.#changes.clear()
  }
}

/** What of all that is known is offered, and in which order. Pure. */
export function candidatesFrom(
  listening: readonly Multiaddr[],
  observed: readonly ObservedAddress[],
  mapped: readonly Mapped[],
  allowPrivate: AllowPrivate
): readonly PathCandidate[] {
  const all = [
    ...mapped.map(({ protocol, external }) => candidate('mapped', protocol, external)),
    ...listening.map(hostCandidate),
    // those that we asked come before strangers, who could name anybody: of those, no crowd
    ...[...observed]
      .sort((one, other) => Number(one.origin === 'told') - Number(other.origin === 'told'))
      .slice(0, OBSERVED.maxCandidates)
      .map(({ candidate: { technique, address, port } }) =>
        candidate('observed', technique === 'punch-quic' ? 'udp' : 'tcp', { address, port })
      )
  ]
  const found = new Map<string, PathCandidate>()
  for (const each of all) {
    if (each == null || !isOffered(each, allowPrivate)) continue
    // the same address known in two ways is offered as the better one
    const key = `${each.transport} ${each.address} ${each.port}`
    if (!found.has(key)) found.set(key, each)
  }
  return [...found.values()].sort((one, other) => rank(one) - rank(other)).slice(0, MAX_CANDIDATES)
}

/** Private ones are always offered: the other side may be in our LAN, and goes there only when that is likely. */
function isOffered({ address, port }: PathCandidate, allowPrivate: AllowPrivate): boolean {
  return port > 0 && (mayReach(address, allowPrivate) || ipScope(address) === 'private')
}

/** Public ones first, then by kind, then UDP, over which most gets through. */
function rank({ kind, transport, address }: PathCandidate): number {
  const scope = ipScope(address)
  const isNear = scope === 'private' || scope === 'loopback'
  return Number(isNear) * 100 + KINDS.indexOf(kind) * 10 + Number(transport === 'tcp')
}

/** Of an address that we listen on over QUIC or bare TCP. */
function hostCandidate(address: Multiaddr): PathCandidate | undefined {
  const endpoint = endpointOf(address)
  if (endpoint == null) return undefined
  if (isQuicAddress(address)) return candidate('host', 'udp', endpoint)
  const names = address.getComponents().map(({ name }) => name)
  return names.length === 2 && names[1] === 'tcp' ? candidate('host', 'tcp', endpoint) : undefined
}

function candidate(
  kind: CandidateKind,
  transport: 'udp' | 'tcp',
  { address, port }: Endpoint
): PathCandidate | undefined {
  const canonical = canonicalIp(address)
  return canonical == null ? undefined : { kind, transport, address: canonical, port }
}

/** Whatever the order: which of two observed addresses is the newer changes all the time. */
function textOf(candidates: readonly PathCandidate[]): string {
  return candidates
    .map(each => JSON.stringify(each))
    .sort()
    .join()
}
