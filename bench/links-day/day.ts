import { type Random, seededRandom } from '../../src/core/random.ts'
import type { KnownPath } from '../../src/traversal/paths/api.ts'
import { EVENTS, type EventName, happen } from './events.ts'
import { Hubs } from './hubs.ts'
import { IdleMeter, StallMeter } from './measure.ts'
import { isPassable, Site, Time } from './network.ts'
import { Side } from './side.ts'

const HOUR_MS = 3_600_000
/** Half of the events befall a link that is in use; and it is in use at other times too. */
const SESSIONS_A_DAY = 4
const SESSION_MS = 60_000
const BEFORE_EVENT_MS = 10_000
const PACKET_MS = 200
/** The link's own connections to hubs keep mappings open. */
const MAPPING_MS = 15_000
/** A link is lost where a relay has been there for both so long, and it ends all the same. */
const RECOVERY_MS = 15_000
const NEXT_LINK_MS = 5_000
/** It is lost, too, where the two networks have let a direct path through for so long, and each side knew where the other one is. */
const PASSABLE_MS = 30_000
const LOOK_MS = 5_000

/** One link, from its beginning to the end of its time; when it ends another one takes its place. */
export class Day {
  readonly idle = new IdleMeter()
  readonly stalls = new StallMeter()
  readonly events = new Map<EventName, number>()
  /** Links that ended although they had a path: when and why. */
  readonly lost: string[] = []
  /** Links that ended and had none. */
  ended = 0
  begun = 0
  readonly #time = new Time()
  readonly #random: Random
  readonly #sites: readonly [Site, Site]
  readonly #hubs: Hubs
  #sides: readonly Side[] = []
  #busyUntilMs = 0
  #pacing = false
  /** When something last happened that can end a direct path. */
  #disturbedMs = 0
  #directSinceMs: number | undefined
  #passableSinceMs: number | undefined

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#sites = [new Site(this.#time, this.#random, 1), new Site(this.#time, this.#random, 2)]
    const [a, b] = this.#sites
    a.peer = b
    b.peer = a
    this.#hubs = new Hubs(this.#time, this.#random, this.#sites)
  }

  run(hours: number): void {
    const endMs = hours * HOUR_MS
    this.#begin()
    this.#keepMappings()
    this.#look()
    for (const event of Object.keys(EVENTS) as EventName[]) {
      this.#schedule(EVENTS[event], endMs, () => this.#befall(event))
    }
    this.#schedule(SESSIONS_A_DAY, endMs, () => this.#use())
    this.#time.run(endMs)
    this.#count('time')
  }

  /** At random moments: a wait knows nothing of the last one. */
  #schedule(aDay: number, endMs: number, fn: () => void): void {
    const waitMs = () => (-Math.log(this.#random.int(1, 1_000_000) / 1_000_000) * 24 * HOUR_MS) / aDay
    for (let atMs = waitMs(); atMs < endMs; atMs += waitMs()) this.#time.after(atMs, fn)
  }

  #begin(): void {
    const circuit = this.#hubs.open(new Set())
    if (circuit == null) {
      this.#time.after(NEXT_LINK_MS, () => this.#begin())
      return
    }
    this.begun++
    const [ours, theirs] = [this.#random.bytes(32), this.#random.bytes(32)]
    const link = Buffer.from(this.#random.bytes(8)).toString('hex')
    const side = (index: 0 | 1) =>
      new Side({
        index,
        site: this.#sites[index],
        time: this.#time,
        random: this.#random,
        hubs: this.#hubs,
        keys: index === 0 ? { link, mine: ours, theirs } : { link, mine: theirs, theirs: ours },
        onSent: kind => this.#count(kind === 'check' ? 'checks' : 'quic'),
        onData: () => this.stalls.data(this.#time.nowMs),
        onDead: reason => this.#dead(reason),
        onPath: to => this.#moved(index, to)
      })
    const [a, b] = [side(0), side(1)]
    a.peer = b
    b.peer = a
    this.#sides = [a, b]
    b.begin(circuit, this.#sites[0].candidates())
    // the answer comes a relayed way later
    this.#time.after(this.#sites[0].delayMs + this.#sites[1].delayMs, () =>
      a.begin(circuit, this.#sites[1].candidates())
    )
  }

  #keepMappings(): void {
    for (const site of this.#sites) site.observed()
    this.#time.after(MAPPING_MS, () => this.#keepMappings())
  }

  /** Could there be a direct path? */
  #look(): void {
    const [a, b] = this.#sites
    const [ours, theirs] = this.#sides
    const passable = this.#isOpen && isPassable(a.kind, b.kind)
    const known = ours?.knows(b.publicAddress) === true && theirs?.knows(a.publicAddress) === true
    if (passable && known) this.#passableSinceMs ??= this.#time.nowMs
    else this.#passableSinceMs = undefined
    this.#time.after(LOOK_MS, () => this.#look())
  }

  get #isOpen(): boolean {
    return this.#sites.every(site => !site.offline && !site.blocked)
  }

  /** It is used for a while: packets each way, and QUIC's answers to them. */
  #use(): void {
    this.#busyUntilMs = this.#time.nowMs + SESSION_MS
    this.#disturb(SESSION_MS)
    if (!this.#pacing) this.#pace()
  }

  #pace(): void {
    const { nowMs } = this.#time
    this.#pacing = nowMs < this.#busyUntilMs
    if (!this.#pacing) {
      this.stalls.data(nowMs)
      this.stalls.end()
      return
    }
    for (const side of this.#sides) side.send({ kind: 'data' })
    this.#time.after(PACKET_MS, () => this.#pace())
  }

  #befall(event: EventName): void {
    const inUse = this.#random.int(0, 1) === 0
    if (inUse) {
      this.stalls.end()
      this.#use()
    }
    this.#time.after(inUse ? BEFORE_EVENT_MS : 0, () => {
      this.events.set(event, (this.events.get(event) ?? 0) + 1)
      if (inUse && this.#sides.length > 0) this.stalls.begin(event, this.#time.nowMs)
      const lastsMs = happen(event, {
        time: this.#time,
        random: this.#random,
        sites: this.#sites,
        hubs: this.#hubs,
        onChanged: side => this.#sides[side]?.feed({ type: 'network-changed' }),
        onCandidates: side => this.#sides[side]?.renew(),
        onDisturbed: () => {
          this.#disturbedMs = this.#time.nowMs
          this.#directSinceMs = undefined
        }
      })
      this.#disturb(lastsMs)
      // nothing can come meanwhile: what counts is what it takes afterwards
      if (event === 'offline' && inUse) {
        this.#time.after(lastsMs, () => {
          this.#use()
          if (this.#sides.length > 0) this.stalls.begin(event, this.#time.nowMs)
        })
      }
    })
  }

  #disturb(forMs: number): void {
    this.#count('time')
    this.idle.disturb(this.#time.nowMs + forMs)
  }

  #moved(side: number, to: KnownPath): void {
    this.#count('changes')
    const other = this.#sides[1 - side]?.current
    const direct = to.kind === 'direct' && other?.kind === 'direct'
    this.#directSinceMs = direct ? this.#time.nowMs : undefined
  }

  #dead(reason: string): void {
    const sides = this.#sides
    // the end of one side closes the pipes of the other
    if (sides.length === 0) return
    this.#disturb(0)
    this.#sides = []
    const { nowMs } = this.#time
    const direct = this.#isOpen && this.#directSinceMs != null && this.#directSinceMs > this.#disturbedMs
    const passableMs = this.#passableSinceMs == null ? 0 : nowMs - this.#passableSinceMs
    const relayedMs = Math.round(this.#hubs.availableMs)
    const had = [
      ...(direct ? ['a direct path'] : []),
      ...(passableMs >= PASSABLE_MS ? [`networks that let one through for ${Math.round(passableMs)} ms`] : []),
      ...(relayedMs >= RECOVERY_MS ? [`a relay for ${relayedMs} ms`] : [])
    ]
    if (had.length === 0) this.ended++
    else this.lost.push(`at ${Math.round(nowMs / 1_000)} s, with ${had.join(' and ')}: ${reason}`)
    for (const side of sides) side.end()
    this.stalls.forget()
    this.#time.after(NEXT_LINK_MS, () => this.#begin())
  }

  #count(what: 'checks' | 'quic' | 'changes' | 'time'): void {
    this.idle.count(what, this.#way, this.#time.nowMs)
  }

  get #way(): string | undefined {
    const current = this.#sides[0]?.current
    if (current == null) return undefined
    if (current.kind === 'relay') return 'relayed'
    return this.#sites.every(site => site.kind === 'public') ? 'direct, no NAT' : 'direct'
  }
}
