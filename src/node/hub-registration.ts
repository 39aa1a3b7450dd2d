import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { KnownPeer } from '../libp2p/peer-record.ts'
import type { HubAnswer } from '../libp2p/rendezvous/api.ts'
import { type TryAgain, verdictOn } from './hub-verdict.ts'

export const HUB_REGISTRATION = {
  /** After a failure that passes: a store that is away, a limit, a hub that is slow. Twice as long each time. */
  soon: { firstMs: 1_000, maxMs: 60_000 },
  /** After one that somebody has to see to: a token, a clock, a hub of an older version. */
  rarely: { firstMs: 60_000, maxMs: 600_000 },
  /** Newer records of ours that a hub may show one after the other: from a run of before, while the clock was ahead, or from another program with the same key. */
  maxStale: 3
} as const

/** A record of ours, signed. */
export interface SealedRecord {
  readonly seq: number
  readonly envelope: Uint8Array
}

/** What became of a registration at one hub. */
export interface Registered {
  readonly ok: boolean
  /** Why not, for people. */
  readonly detail?: string
}

export interface HubRegistrationInit {
  readonly clock: Clock
  readonly random: Random
  readonly send: (envelope: Uint8Array) => Promise<HubAnswer>
  /** Opens a record that has to be ours. @throws NatError */
  readonly open: (envelope: Uint8Array) => Promise<KnownPeer>
  /** The hub has a newer one of ours: a record with a higher number is to be offered. */
  readonly onNewer: (seq: number) => void
  /** Half of the time that the hub keeps it has passed, or it can be none of before: a new one is to be offered. */
  readonly onDue: () => void
  /** Told when it differs from what was told before. */
  readonly onTold: (told: Registered) => void
}

/** Keeps a node's newest record at one hub, for as long as there is a connection to that. */
export class HubRegistration {
  readonly #init: HubRegistrationInit
  #record: SealedRecord | undefined
  #isThere = false
  #isSending = false
  /** Counts the times that it was connected: what comes of a request of before is of no interest. */
  #life = 0
  /** The record about which nothing is to be done before the timer fires: the hub keeps it, or has refused it. */
  #settled: number | undefined
  /** Whether the hub keeps one, the newest or one before. */
  #isKept = false
  #failures = 0
  #stale = 0
  #timer: Timer | undefined
  #told: Registered | undefined

  constructor(init: HubRegistrationInit) {
    this.#init = init
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** Whether it may have a record of ours. */
  get isTold(): boolean {
    return this.#isThere && (this.#isKept || this.#isSending)
  }

  /** The newest record is this one. */
  offer(record: SealedRecord): void {
    this.#record = record
    this.#look()
  }

  back(): void {
    if (this.#isThere) return
    this.#isThere = true
    this.#look()
  }

  gone(): void {
    this.#timer?.cancel()
    this.#isThere = false
    this.#isSending = false
    this.#life++
    this.#settled = undefined
    this.#isKept = false
    this.#told = undefined
    this.#failures = 0
    this.#stale = 0
  }

  #look(): void {
    const record = this.#record
    if (!this.#isThere || this.#isSending || record == null || this.#settled === record.seq) return
    this.#timer?.cancel()
    void this.#send(record, this.#life)
  }

  async #send(record: SealedRecord, life: number): Promise<void> {
    this.#isSending = true
    const answer = await this.#init.send(record.envelope).catch(() => undefined)
    if (life !== this.#life) return
    const verdict = answer == null ? undefined : verdictOn(answer)
    const newer = verdict?.what === 'newer' ? await this.#newer(verdict.envelope) : undefined
    if (life !== this.#life) return
    this.#isSending = false
    if (verdict == null) return
    switch (verdict.what) {
      case 'kept':
        this.#onKept(record, verdict.lifetimeSeconds)
        break
      case 'newer':
        this.#onNewer(record, newer)
        break
      case 'again':
        this.#again(record, verdict)
        break
      default:
        verdict satisfies never
    }
  }

  #onKept(record: SealedRecord, lifetimeSeconds: number): void {
    this.#settled = record.seq
    this.#isKept = true
    this.#failures = 0
    this.#stale = 0
    this.#tell({ ok: true })
    if (this.#record !== record) {
      this.#look()
      return
    }
    // not all nodes that came together are to come again together
    const { clock, random, onDue } = this.#init
    const ms = random.int(lifetimeSeconds * 450, lifetimeSeconds * 500)
    this.#timer = clock.after(ms, onDue)
  }

  #onNewer(record: SealedRecord, newer: KnownPeer | undefined): void {
    if (newer == null || newer.seq < record.seq) {
      this.#again(record, {
        pace: 'rarely',
        anew: false,
        detail: 'it says that it has a newer record of ours, and shows none'
      })
    } else if (this.#record !== record && this.#record != null && this.#record.seq > newer.seq) {
      this.#look()
    } else if (this.#stale++ < HUB_REGISTRATION.maxStale) {
      this.#init.onNewer(newer.seq)
    } else {
      this.#again(record, {
        pace: 'rarely',
        anew: true,
        detail: 'another program registers with the same key all the time'
      })
      this.#stale = 0
    }
  }

  /** The same record waits; a new one goes at once. */
  #again(record: SealedRecord, { pace, anew, detail }: Omit<TryAgain, 'what'>): void {
    const { clock, random, onDue } = this.#init
    const { firstMs, maxMs } = HUB_REGISTRATION[pace]
    const longestMs = Math.min(maxMs, firstMs * 2 ** this.#failures++)
    this.#tell({ ok: false, detail })
    this.#settled = record.seq
    this.#timer = clock.after(random.int(Math.floor(longestMs / 2), longestMs), () => {
      this.#settled = undefined
      if (anew) onDue()
      else this.#look()
    })
    // one that was offered while this one was under way
    if (this.#record !== record) this.#look()
  }

  async #newer(envelope: Uint8Array | undefined): Promise<KnownPeer | undefined> {
    return envelope == null ? undefined : await this.#init.open(envelope).catch(() => undefined)
  }

  #tell(told: Registered): void {
    if (this.#told?.ok === told.ok && this.#told.detail === told.detail) return
    this.#told = told
    this.#init.onTold(told)
  }
}
