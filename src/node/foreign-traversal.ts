import type { Connection, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { carriesBytes } from '../libp2p/dcutr/prove.ts'
import type { Attempt, TechniqueName } from '../traversal/attempt.ts'
import { type Plan, plan } from '../traversal/plan.ts'
import { run } from '../traversal/run.ts'
import type { AttemptResult, Technique } from '../traversal/technique.ts'
import type { NetworkSummary } from '../wire/summary.ts'

/** For a dialled connection to carry a ping. */
const PROOF_MS = 5_000
/** DCUtR has three rounds, and bounds of its own for all that it waits for. */
const LEAST_MS = 60_000

export interface ForeignInit {
  readonly peer: PeerId
  readonly techniques: readonly Technique[]
  /** Names of those that may be used. @default all */
  readonly allowed?: ReadonlySet<TechniqueName> | undefined
  readonly mine: NetworkSummary | undefined
  readonly clock: Clock
  readonly random: Random
  /** The DCUtR upgrade that is under way, or a new one. @returns what was tried in it */
  upgrade(signal: AbortSignal): Promise<readonly Attempt[]>
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>
  /** Of what DCUtR does not tell by itself. */
  onAttempt(attempt: Attempt): void
  /** Aborts when there is a direct connection. */
  readonly direct: AbortSignal
  /** Aborts when there is no connection any more. */
  readonly signal: AbortSignal
}

/**
 * How a connection to a libp2p peer of another kind goes direct: one plan for what DCUtR agrees on with anybody, and for techniques of the user's
 * own. What its network is like nobody knows.
 */
export class ForeignTraversal {
  readonly plan: Plan
  readonly mine: NetworkSummary | undefined
  /** Never known. */
  readonly theirs = undefined
  readonly ended: Promise<void>
  readonly #init: ForeignInit
  #upgrade: Promise<readonly Attempt[]> | undefined
  #told: readonly Attempt[] = []
  #tried = false

  constructor(init: ForeignInit) {
    const { peer, techniques, allowed, mine, clock, direct, signal } = init
    this.#init = init
    this.mine = mine
    this.plan = plan(mine, undefined, { techniques, allowed, peer: 'foreign', peerId: peer.toString() })
    this.ended = run({
      steps: this.plan.steps,
      techniqueOf: name => techniques.find(each => each.name === name),
      clock,
      direct,
      signal,
      leastMs: LEAST_MS,
      contextOf: ({ name }, signal) => ({ context: this.#contextOf(name, signal), release: () => {} }),
      // DCUtR asks by itself
      agreed: async () => undefined,
      onAttempt: attempt => {
        if (!this.#told.some(({ technique }) => technique === attempt.technique)) init.onAttempt(attempt)
      }
    }).then(() => {
      this.#tried = true
    })
  }

  /** Whether all that the plan takes has been tried. */
  get tried(): boolean {
    return this.#tried
  }

  #contextOf(technique: TechniqueName, signal: AbortSignal) {
    const { peer, mine, clock, random } = this.#init
    return {
      on: 'foreign',
      peer: peer.toString(),
      mine,
      theirs: undefined,
      clock,
      random,
      signal,
      upgrade: () => this.#inUpgrade(technique),
      dial: (address: string) => this.#dial(address, signal)
    } as const
  }

  /** One upgrade tries all that DCUtR can. */
  async #inUpgrade(technique: TechniqueName): Promise<AttemptResult> {
    this.#upgrade ??= this.#init.upgrade(this.#init.signal)
    this.#told = await this.#upgrade
    const last = this.#told.findLast(each => each.technique === technique)
    if (last == null) {
      const direct = this.#told.some(({ outcome }) => outcome === 'ok')
      return { outcome: 'skipped', reason: direct ? 'already-direct' : 'needs-link' }
    }
    const { outcome, reason, detail } = last
    return { outcome, reason, ...(detail == null ? {} : { detail }) }
  }

  /** @throws NatError BAD_ADDRESS */
  async #dial(address: string, signal: AbortSignal): Promise<AttemptResult> {
    const { peer, dial, clock, random } = this.#init
    const connection = await dial(withPeer(address, peer), signal)
    if (await carriesBytes(connection, { clock, random }, PROOF_MS, signal))
      return { outcome: 'ok', reason: 'connected' }
    connection.abort(new NatError('TIMEOUT', `${address} answered, and then carried nothing`))
    return { outcome: 'failed', reason: 'unproven' }
  }
}

/** Whoever answers has to prove that it is the peer. */
function withPeer(address: string, peer: PeerId): Multiaddr {
  try {
    const parsed = multiaddr(address)
    const named = parsed.getComponents().some(({ name }) => name === 'p2p')
    return named ? parsed : parsed.encapsulate(`/p2p/${peer}`)
  } catch (cause) {
    throw new NatError('BAD_ADDRESS', `'${address}' is no multiaddr`, { cause })
  }
}
