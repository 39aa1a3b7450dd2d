import { isIP, isIPv6 } from 'node:net'
import { canonicalIp } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Path, SocketId } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { AgentInput, LocalSocket } from './api.ts'
import { type Known, keyOf, newKnown, type PathFacts } from './known.ts'
import { LIMITS } from './limits.ts'
import type { Outbox } from './outbox.ts'
import { scopeOf, type Target } from './targets.ts'

type Turn = Known['turn']
export type PipeFacts = Omit<Extract<AgentInput, { type: 'pipe' }>, 'type'>

/** All paths of a link, bounded: pairs of a socket and a candidate, sources that nobody announced, pipes. */
export class PathTable {
  readonly #paths = new Map<string, Known>()
  readonly #pipeRemotes = new Map<number, Endpoint>()
  #wanted: ReadonlySet<string> = new Set()
  /** Sockets of techniques: paths by them are no pairs, and stay. */
  #further: ReadonlySet<SocketId> = new Set()
  readonly #turn: Turn
  readonly #out: Outbox

  constructor(turn: Turn, out: Outbox) {
    this.#turn = turn
    this.#out = out
  }

  get size(): number {
    return this.#paths.size
  }

  all(): Known[] {
    return [...this.#paths.values()]
  }

  get(key: string | undefined): Known | undefined {
    return key == null ? undefined : this.#paths.get(key)
  }

  /** Where our relays are: nobody's address. */
  get relayEndpoints(): readonly Endpoint[] {
    return [...this.#pipeRemotes.values()]
  }

  /** The sockets that techniques have now. Paths by those that are gone go. */
  setFurther(sockets: ReadonlySet<SocketId>): void {
    for (const known of this.all()) {
      const { path } = known
      if (path.kind === 'udp' && this.#further.has(path.socket) && !sockets.has(path.socket)) this.remove(known)
    }
    this.#further = sockets
  }

  /** The pairs that the candidates make with our sockets. Those of before that carry nothing go; of what is validated the last heard of stay. */
  setPairs(sockets: readonly LocalSocket[], targets: readonly Target[], nowMs: number): Known[] {
    const wanted = new Map<string, PathFacts>()
    for (const target of targets) {
      for (const { socket, family } of sockets) {
        if (family !== target.family || wanted.size >= LIMITS.pairs) continue
        const { address, port } = target
        const facts = udpFacts({ kind: 'udp', socket, remote: { address, port } }, target.finds, target.plain, true)
        wanted.set(facts.key, facts)
      }
    }
    this.#wanted = new Set(wanted.keys())
    const open = new Set([...sockets.map(({ socket }) => socket), ...this.#further])
    for (const known of this.all()) {
      if (known.path.kind !== 'udp' || wanted.has(known.key)) continue
      if (!open.has(known.path.socket) || (known.announced && known.validatedAtMs == null)) this.remove(known)
    }
    // whoever names others again and again, and answers on all, has no more of them for it
    const former = this.all().filter(known => known.path.kind === 'udp' && known.announced && !wanted.has(known.key))
    former.sort((a, b) => b.heardAtMs - a.heardAtMs)
    for (const known of former.slice(LIMITS.formerPairs)) this.remove(known)
    const fresh: Known[] = []
    for (const facts of wanted.values()) {
      const there = this.#paths.get(facts.key)
      if (there?.announced === true) continue
      const known = { ...(there ?? newKnown(facts, nowMs, this.#turn)), ...facts }
      this.#paths.set(known.key, known)
      fresh.push(known)
    }
    return fresh
  }

  /** A valid check came from there. The oldest other one that has proved nothing makes room. @returns undefined when there is none */
  addPeerReflexive(path: Path, technique: TechniqueName, nowMs: number): Known | undefined {
    if (path.kind !== 'udp' || isIP(path.remote.address) === 0) return undefined
    const others = this.all().filter(known => known.path.kind === 'udp' && !known.announced)
    if (others.length >= LIMITS.peerReflexive) {
      const idle = others.find(({ validatedAtMs }) => validatedAtMs == null)
      if (idle == null) return undefined
      this.remove(idle)
    }
    return this.#add(udpFacts(path, technique, false, false), nowMs)
  }

  /** @returns undefined when there are too many */
  addPipe({ pipe, kind, remote }: PipeFacts, nowMs: number): Known | undefined {
    const path: Path = { kind: 'pipe', pipe }
    if (this.#paths.has(keyOf(path)) || this.all().filter(each => each.path.kind === 'pipe').length >= LIMITS.pipes) {
      return undefined
    }
    const endpoint = endpointOf(remote)
    if (kind === 'relay' && endpoint != null) this.#pipeRemotes.set(pipe, endpoint)
    const known = this.#add(
      {
        key: keyOf(path),
        path,
        host: undefined,
        kind: kind === 'relay' ? 'relay' : 'direct',
        transport: kind,
        technique: kind === 'relay' ? 'relay' : 'punch-tcp',
        scope: kind === 'tcp' && endpoint != null ? scopeOf(endpoint.address) : 'wan',
        family: endpoint != null && isIPv6(endpoint.address) ? 6 : 4,
        plain: false,
        announced: true
      },
      nowMs
    )
    this.accept(known)
    return known
  }

  /** Whether a candidate of now, or a pipe, stands behind it: others go when nothing comes by them. */
  isWanted({ key, path }: Known): boolean {
    return path.kind === 'pipe' || this.#wanted.has(key)
  }

  /** Packets are taken from it, as from one that is validated when it is. */
  accept(known: Known): void {
    const validated = known.validatedAtMs != null || known.path.kind === 'pipe'
    if (known.accepted === 'validated' || (known.accepted === 'asked' && !validated)) return
    known.accepted = validated ? 'validated' : 'asked'
    this.#out.emit({ type: 'accept', path: known.path, validated })
  }

  refuse(known: Known): void {
    if (known.accepted === 'no') return
    known.accepted = 'no'
    this.#out.emit({ type: 'refuse', path: known.path })
  }

  remove(known: Known): void {
    if (!this.#paths.delete(known.key)) return
    if (known.path.kind === 'pipe') this.#pipeRemotes.delete(known.path.pipe)
    this.refuse(known)
  }

  #add(facts: PathFacts, nowMs: number): Known {
    const known = newKnown(facts, nowMs, this.#turn)
    this.#paths.set(known.key, known)
    return known
  }
}

function udpFacts(
  path: Extract<Path, { kind: 'udp' }>,
  technique: TechniqueName,
  plain: boolean,
  announced: boolean
): PathFacts {
  const { address } = path.remote
  const family = isIPv6(address) ? 6 : 4
  const scope = scopeOf(address)
  const fixed = { kind: 'direct', transport: 'udp', family, scope, technique, plain, announced } as const
  return { key: keyOf(path), path, host: address, ...fixed }
}

/** Of `1.2.3.4:5` or `[::1]:5`, as pipes say whom they go to. */
function endpointOf(text: string): Endpoint | undefined {
  const at = text.lastIndexOf(':')
  const address = canonicalIp(text.slice(0, at).replace(/^\[|\]$/g, ''))
  const port = Number(text.slice(at + 1))
  return address == null || !Number.isInteger(port) ? undefined : { address, port }
}
