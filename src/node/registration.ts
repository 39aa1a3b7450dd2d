import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { Allowance } from '../core/allowance.ts'
import { type Clock, sleep, type Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { KnownPeer, RecordInit } from '../libp2p/peer-record.ts'
import type { HubAnswer } from '../libp2p/rendezvous/api.ts'
import type { NetworkSummary } from '../wire/summary.ts'
import { HubRegistration, type Registered, type SealedRecord } from './hub-registration.ts'

export const REGISTRATION = {
  /** Addresses and what is known of the network come one after the other, when a node starts and when its network changes. */
  changedMs: 1_000,
  /** How long a connect that is under way is let go first, and how often that is looked at. */
  busyMs: 250,
  busyAtMostMs: 5_000,
  /** Of addresses that come and go; a hub takes 16, and one each 5 s. */
  records: { burst: 6, refillMs: 10_000, maxKeys: 1 },
  /** A hub that is there answers within some round trips; who stops a program does not wait for another. */
  goodbyeMs: 400
} as const

/** What a node says of itself. */
export interface Whereabouts {
  readonly addresses: readonly Multiaddr[]
  readonly summary: NetworkSummary | undefined
}

export interface RegistrationInit {
  readonly hubs: readonly PeerId[]
  readonly clock: Clock
  readonly random: Random
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  readonly whereabouts: () => Whereabouts
  readonly seal: (init: RecordInit) => Promise<Uint8Array>
  /** Opens a record that has to be ours. @throws NatError */
  readonly open: (envelope: Uint8Array) => Promise<KnownPeer>
  readonly send: (hub: PeerId, envelope: Uint8Array) => Promise<HubAnswer>
  /** Whether there is something to be done that is more urgent. */
  readonly isBusy: () => boolean
  readonly onRegistered: (hub: PeerId, registered: Registered) => void
  /** No record could be made. */
  readonly onProblem: (error: Error) => void
}

/**
 * Keeps a signed record of where the node is at all of its hubs: the same one everywhere, so that no hub looks as if it had an old one. It is made
 * anew when something has changed, and at half of its life.
 */
export class Registration {
  readonly #init: RegistrationInit
  readonly #hubs: ReadonlyMap<string, HubRegistration>
  readonly #allowance = new Allowance(REGISTRATION.records)
  #record: SealedRecord | undefined
  /** What it says, whatever the order. */
  #text: string | undefined
  #seq = 0
  #timer: Timer | undefined
  /** A record is made although nothing has changed. */
  #isDue = false
  #isOver = false

  constructor(init: RegistrationInit) {
    this.#init = init
    const { clock, random, send, open, onRegistered } = init
    this.#hubs = new Map(
      init.hubs.map(hub => [
        hub.toString(),
        new HubRegistration({
          clock,
          random,
          open,
          send: envelope => send(hub, envelope),
          onNewer: seq => {
            this.#seq = Math.max(this.#seq, seq)
            this.#renew()
          },
          onDue: () => this.#renew(),
          onTold: registered => onRegistered(hub, registered)
        })
      ])
    )
  }

  /** A hub holds a reservation for us. */
  hubBack(hub: PeerId): void {
    if (this.#isOver) return
    this.#hubs.get(hub.toString())?.back()
    // a relayed address by it is new; and the first time, there is no record yet
    if (this.#record == null) this.#lookIn(0)
    else this.changed()
  }

  hubGone(hub: PeerId): void {
    this.#hubs.get(hub.toString())?.gone()
  }

  /** Our addresses, or what is known of our network, may have changed. */
  changed(): void {
    if (this.#isThere) this.#lookIn(REGISTRATION.changedMs)
  }

  /** The newest record, signed; none before there was a hub. */
  get envelope(): Uint8Array | undefined {
    return this.#record?.envelope
  }

  /** Says goodbye to the hubs, and waits a moment for them to hear it. */
  async stop(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#timer?.cancel()
    const { clock, hubs, send } = this.#init
    const told = hubs.filter(hub => this.#hubs.get(hub.toString())?.isTold)
    for (const each of this.#hubs.values()) each.gone()
    if (told.length === 0) return
    const done = new AbortController()
    const goodbye = async () => {
      const envelope = await this.#seal(this.#nextSeq(), { left: true })
      await Promise.all(told.map(hub => send(hub, envelope)))
    }
    await Promise.race([goodbye().catch(() => {}), sleep(clock, REGISTRATION.goodbyeMs, done.signal).catch(() => {})])
    done.abort()
  }

  get #isThere(): boolean {
    return !this.#isOver && [...this.#hubs.values()].some(({ isThere }) => isThere)
  }

  #renew(): void {
    this.#isDue = true
    this.#lookIn(0)
  }

  /** What changes meanwhile is seen then, too. */
  #lookIn(ms: number, busySinceMs?: number): void {
    const { clock } = this.#init
    const look = () => {
      this.#timer = undefined
      this.#look(busySinceMs ?? clock.now())
    }
    if (this.#isOver) return
    if (ms > 0 && this.#timer != null) return
    this.#timer?.cancel()
    this.#timer = clock.after(ms, look)
  }

  #look(busySinceMs: number): void {
    const { clock, isBusy } = this.#init
    const nowMs = clock.now()
    if (!this.#isThere) return
    if (isBusy() && nowMs - busySinceMs < REGISTRATION.busyAtMostMs) {
      this.#lookIn(REGISTRATION.busyMs, busySinceMs)
      return
    }
    if (!this.#isDue && textOf(this.#init.whereabouts()) === this.#text) return
    if (this.#allowance.take('', nowMs)) void this.#offer()
    else this.#lookIn(REGISTRATION.records.refillMs)
  }

  async #offer(): Promise<void> {
    const record = await this.#make().catch((error: Error) => this.#init.onProblem(error))
    // a newer one may have been made in the meantime
    if (record == null || record !== this.#record || this.#isOver) return
    for (const each of this.#hubs.values()) each.offer(record)
  }

  async #make(): Promise<SealedRecord> {
    const whereabouts = this.#init.whereabouts()
    this.#isDue = false
    this.#text = textOf(whereabouts)
    const seq = this.#nextSeq()
    try {
      const record = { seq, envelope: await this.#seal(seq, whereabouts) }
      if (this.#record == null || this.#record.seq < seq) this.#record = record
      return record
    } catch (error) {
      this.#text = undefined
      throw error
    }
  }

  #nextSeq(): number {
    this.#seq = Math.max(this.#seq + 1, this.#init.wallMs())
    return this.#seq
  }

  #seal(seq: number, init: Pick<RecordInit, 'addresses' | 'summary' | 'left'>): Promise<Uint8Array> {
    return this.#init.seal({ ...init, seq, issuedAtSeconds: Math.floor(this.#init.wallMs() / 1_000) })
  }
}

/** The same for the same addresses in another order, which says nothing. */
function textOf({ addresses, summary }: Whereabouts): string {
  return JSON.stringify([addresses.map(String).sort(), summary])
}
