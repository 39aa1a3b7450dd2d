import type { Random } from '../../src/core/random.ts'
import type { Payload, Site, Time } from './network.ts'

/** A relayed stream between the two sides of a link. */
export class Circuit {
  readonly hub: number
  /** Frames vanish: a side or the hub has gone, and nobody knows yet. */
  lost = false
  closed = false
  readonly ends: ((payload: Payload) => void)[] = []
  readonly onClosed: (() => void)[] = []

  constructor(hub: number) {
    this.hub = hub
  }
}

/** From a change of network to the connection to the hub that stands again, and the reservation. */
const RECONNECT_MS = 400
/** Who pings every 5 s and waits twice for 3 s has noticed by then (the connection monitor). */
const NOTICED_MS = 11_000

const ATTACH = { tripMs: 200, retryMs: 200, patienceMs: 8_000 } as const

/** Relays of which each side has a connection to each, when its network and the relay let it. */
export class Hubs {
  readonly up: boolean[] = [true, true]
  readonly circuits = new Set<Circuit>()
  readonly #time: Time
  readonly #random: Random
  readonly #sites: readonly Site[]
  /** From when on each side has its connections again. */
  readonly #readyMs = [0, 0]
  /** Since when some relay has been there for both. */
  #sinceMs: number | undefined = 0

  constructor(time: Time, random: Random, sites: readonly Site[]) {
    this.#time = time
    this.#random = random
    this.#sites = sites
  }

  /** How long a link could have been relayed without a pause until now. */
  get availableMs(): number {
    return this.#sinceMs == null ? 0 : Math.max(0, this.#time.nowMs - Math.max(this.#sinceMs, ...this.#readyMs))
  }

  reaches(side: number): boolean {
    return !this.#sites[side]!.offline && this.#time.nowMs >= this.#readyMs[side]!
  }

  /** A circuit through a hub that both have, another one than that if possible. */
  open(besides: ReadonlySet<number>): Circuit | undefined {
    const usable = this.#usable()
    const hub = usable.find(index => !besides.has(index)) ?? usable[0]
    if (hub == null) return undefined
    const circuit = new Circuit(hub)
    this.circuits.add(circuit)
    return circuit
  }

  /** The same, as libp2p/links/attach.ts does it: it connects to relays as long as its time lasts. */
  openSoon(
    besides: ReadonlySet<number>,
    done: (circuit: Circuit | undefined) => void,
    forMs: number = ATTACH.patienceMs
  ): void {
    const circuit = this.open(besides)
    if (circuit != null || forMs <= 0) this.#time.after(ATTACH.tripMs, () => done(circuit))
    else this.#time.after(ATTACH.retryMs, () => this.openSoon(besides, done, forMs - ATTACH.retryMs))
  }

  send(circuit: Circuit, from: number, payload: Payload): void {
    if (circuit.lost || circuit.closed || this.#sites[from]!.offline) return
    const delayMs = this.#sites[0]!.delayMs + this.#sites[1]!.delayMs + 2 + 3 * circuit.hub
    this.#time.after(delayMs, () => {
      if (!circuit.lost && !circuit.closed && !this.#sites[1 - from]!.offline) circuit.ends[1 - from]?.(payload)
    })
  }

  close(circuit: Circuit): void {
    if (circuit.closed) return
    circuit.closed = true
    this.circuits.delete(circuit)
    for (const tell of circuit.onClosed) tell()
  }

  kill(hub: number): void {
    this.up[hub] = false
    for (const circuit of this.circuits) if (circuit.hub === hub) this.#lose(circuit)
    this.changed()
  }

  revive(hub: number): void {
    this.up[hub] = true
    this.changed()
  }

  /** A side has another address, or its NAT has forgotten it: its connections to the hubs lead nowhere, and are made anew. */
  disconnected(side: number, noticedMs: number): void {
    this.#readyMs[side] = this.#time.nowMs + noticedMs + RECONNECT_MS
    for (const circuit of this.circuits) this.#lose(circuit)
  }

  changed(): void {
    const available = this.up.includes(true) && this.#sites.every(site => !site.offline)
    if (!available) this.#sinceMs = undefined
    else this.#sinceMs ??= this.#time.nowMs
  }

  #usable(): number[] {
    const both = this.reaches(0) && this.reaches(1)
    return both ? this.up.flatMap((up, hub) => (up ? [hub] : [])) : []
  }

  #lose(circuit: Circuit): void {
    circuit.lost = true
    this.#time.after(this.#random.int(0, NOTICED_MS), () => this.close(circuit))
  }
}
