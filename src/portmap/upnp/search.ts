import type { Endpoint, Input, Machine, Step } from '../../core/machine.ts'
import { GATEWAY_DEVICES } from '../../wire/upnp/services.ts'
import { decodeSsdp, encodeSsdp, SSDP_PORT } from '../../wire/upnp/ssdp.ts'
import { quietly } from '../pcp.ts'

/** Twice, because a datagram may be lost (UPnP Device Architecture 2.0 section 1.3.2). */
const SENDS_MS = [0, 500] as const
/** Devices answer at random within so long, and some when they like. The least that the specification allows. */
const MX_SECONDS = 1
/** Some answer after 3 s, whatever they were asked. */
const END_MS = 3_500
/** Both versions, and what those answer to that know neither. */
const TARGETS = [...GATEWAY_DEVICES, 'upnp:rootdevice'] as const
/** One device answers for each of its types, mostly with one location. */
const MAX_LOCATIONS = 4

export interface SearchInit {
  readonly group: string
  /** Whose answers count. */
  isRouter(address: string): boolean
}

export interface Found {
  /** The URL of the description. */
  readonly location: string
  readonly from: Endpoint
  readonly usn: string
  readonly bootId: number | undefined
}

/** Asks the network for internet gateways; each event is a description to look at. */
export class Search implements Machine<Found> {
  readonly #init: SearchInit
  readonly #locations = new Set<string>()
  #startMs = 0
  #sent = 0

  constructor(init: SearchInit) {
    this.#init = init
  }

  step(nowMs: number, input: Input): Step<Found> {
    switch (input.type) {
      case 'start':
        this.#startMs = nowMs
        return this.#due(nowMs)
      case 'tick':
        return this.#due(nowMs)
      case 'packet':
        return { events: this.#heard(input.bytes, input.from), wakeAtMs: this.#wakeAtMs() }
      case 'cancel':
        return { done: true }
      default:
        return input satisfies never
    }
  }

  #due(nowMs: number): Step<Found> {
    if (nowMs >= this.#startMs + END_MS) return { done: true }
    const isDue = nowMs >= this.#wakeAtMs() && this.#sent < SENDS_MS.length
    if (isDue) this.#sent++
    const { group } = this.#init
    const to = { address: group, port: SSDP_PORT }
    const send = TARGETS.map(target => ({
      bytes: encodeSsdp({ type: 'search', target, mxSeconds: MX_SECONDS }, group),
      to
    }))
    return { send: isDue ? send : [], wakeAtMs: this.#wakeAtMs() }
  }

  #heard(bytes: Uint8Array, from: Endpoint): Found[] {
    if (!this.#init.isRouter(from.address) || this.#locations.size >= MAX_LOCATIONS) return []
    const answer = quietly(() => decodeSsdp(bytes))
    if (answer?.type !== 'answer' || this.#locations.has(answer.location)) return []
    this.#locations.add(answer.location)
    return [{ location: answer.location, from, usn: answer.usn, bootId: answer.bootId }]
  }

  #wakeAtMs(): number {
    return this.#startMs + (SENDS_MS[this.#sent] ?? END_MS)
  }
}
