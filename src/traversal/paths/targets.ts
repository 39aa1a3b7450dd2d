import { isIPv6 } from 'node:net'
import { type AllowPrivate, canonicalIp, ipScope, mayReach } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { PathCandidate } from '../../wire/path.ts'
import type { TechniqueName } from '../attempt.ts'
import { type Candidate, filterCandidates } from '../candidates.ts'

/** An address of theirs that we may send to. */
export interface Target extends PathCandidate {
  readonly family: 4 | 6
  readonly scope: 'lan' | 'wan'
  /** What it is called when it works. */
  readonly finds: TechniqueName
  /** Whether, as far as the two sides know, no NAT stands between them. */
  readonly plain: boolean
}

export interface TargetRules {
  readonly own: readonly PathCandidate[]
  /** Where our relays are. */
  readonly relays: readonly Endpoint[]
  readonly allowPrivate: AllowPrivate
  readonly techniques: ReadonlySet<TechniqueName>
}

/** Of their candidates of one transport those that may be tried, in their order. */
export function targetsAmong(
  theirs: readonly PathCandidate[],
  transport: 'udp' | 'tcp',
  { own, relays, allowPrivate, techniques }: TargetRules
): readonly Target[] {
  const technique = transport === 'udp' ? 'punch-quic' : 'punch-tcp'
  const list = theirs
    .filter(candidate => candidate.transport === transport)
    .map((candidate): (Candidate & PathCandidate) | undefined => {
      const address = canonicalIp(candidate.address)
      return address == null ? undefined : { ...candidate, address, technique }
    })
  const outside = own.filter(each => each.transport === transport && isOutside(each, own, allowPrivate))
  const { usable } = filterCandidates(list, { own: outside, relays, allowPrivate })
  return usable.flatMap(({ kind, address, port }): Target[] => {
    const candidate: PathCandidate = { kind, transport, address, port }
    const finds = transport === 'tcp' ? 'punch-tcp' : techniqueOf(candidate, address, theirs, own)
    const allowed = countsAs(finds, techniques)
    if (allowed == null) return []
    const family = isIPv6(address) ? 6 : 4
    return [{ ...candidate, family, scope: scopeOf(address), finds: allowed, plain: isPlain(candidate, theirs, own) }]
  })
}

/** An address that is no candidate of theirs. @returns undefined where it is no address */
export function targetOf(finds: TechniqueName, text: string, port: number): Target | undefined {
  const address = canonicalIp(text)
  if (address == null || !Number.isInteger(port) || port < 1 || port > 0xffff) return undefined
  const family = isIPv6(address) ? 6 : 4
  return { kind: 'host', transport: 'udp', address, port, family, scope: scopeOf(address), finds, plain: false }
}

/** As which of the techniques that are allowed a path counts: a punch over UDP gets through where nothing is in its way, too. */
export function countsAs(technique: TechniqueName, allowed: ReadonlySet<TechniqueName>): TechniqueName | undefined {
  if (allowed.has(technique)) return technique
  return technique !== 'punch-tcp' && allowed.has('punch-quic') ? 'punch-quic' : undefined
}

export function scopeOf(address: string): 'lan' | 'wan' {
  const scope = ipScope(address)
  return scope === 'private' || scope === 'loopback' || scope === 'link-local' ? 'lan' : 'wan'
}

/**
 * What a path to that address is called: `local` in a LAN, which is found by trying; `direct` where whoever sends to it arrives, `reverse` where that
 * is so of ours only. Everything else was punched.
 */
export function techniqueOf(
  candidate: PathCandidate | undefined,
  address: string,
  theirs: readonly PathCandidate[],
  own: readonly PathCandidate[]
): TechniqueName {
  if (scopeOf(address) === 'lan') return 'local'
  if (candidate != null && namesOf(candidate, theirs).some(each => isOpen(each, theirs))) return 'direct'
  return own.some(each => each.transport === 'udp' && isOpen(each, own)) ? 'reverse' : 'punch-quic'
}

/** All that is told of an endpoint: a public host's address is its own, and what others see. */
function namesOf({ transport, address, port }: PathCandidate, all: readonly PathCandidate[]): PathCandidate[] {
  return all.filter(each => each.transport === transport && each.address === address && each.port === port)
}

/** Whether packets that nobody asked for arrive there, as far as its owner knows. */
export function isOpen({ kind, address }: PathCandidate, all: readonly PathCandidate[]): boolean {
  if (kind === 'mapped') return ipScope(address) !== 'private'
  return kind === 'host' && isOwnOutside(address, all)
}

/** An interface's address under which others see it too; a public one that nobody has seen yet is taken at its word. */
function isOwnOutside(address: string, all: readonly PathCandidate[]): boolean {
  return ipScope(address) === 'public' || all.some(each => each.kind === 'observed' && each.address === address)
}

/** Whether others see us there, so that a peer with the same address sits behind the same NAT. */
function isOutside({ kind, address }: PathCandidate, own: readonly PathCandidate[], allow: AllowPrivate): boolean {
  return mayReach(address, allow) && (kind !== 'host' || isOwnOutside(address, own))
}

function isPlain(candidate: PathCandidate, theirs: readonly PathCandidate[], own: readonly PathCandidate[]): boolean {
  if (!namesOf(candidate, theirs).some(({ kind }) => kind === 'host')) return false
  if (scopeOf(candidate.address) === 'lan') return true
  const isHostOutside = ({ kind, address }: PathCandidate) => kind === 'host' && ipScope(address) === 'public'
  return isOwnOutside(candidate.address, theirs) && own.some(isHostOutside)
}
