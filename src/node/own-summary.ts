import { isDeepStrictEqual } from 'node:util'
import { Allowance } from '../core/allowance.ts'
import type { Clock, Timer } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { Events } from '../core/events.ts'
import type { SummarySource } from '../libp2p/links/context.ts'
import type { NetworkReport } from '../nat/report.ts'
import { summaryOf } from '../nat/summary.ts'
import type { NetworkSummary } from '../wire/summary.ts'

export const OWN_SUMMARY = {
  /** A program mostly connects as soon as it has started, and the machine is to be there for that alone. */
  firstMs: 1_000,
  /** A network that comes up changes three or four times, and hubs have to be found again before they can be asked. */
  changedMs: 1_000,
  /** How long a connect that is under way is let go first, and how often that is looked at. */
  busyMs: 250,
  busyAtMostMs: 5_000,
  /** NATs are replaced and set up anew without a trace on this machine. */
  againMs: 3_600_000,
  /** After an examination in vain; the last one holds from then on. */
  retryMs: [10_000, 60_000, 600_000, 3_600_000],
  /** Of a network that comes and goes, and of hubs that do: an examination is a few dozen packets. */
  examinations: { burst: 6, refillMs: 300_000, maxKeys: 1 }
} as const

export interface OwnSummaryInit {
  readonly clock: Clock
  /** @param fresh what was found in this network before does not do */
  readonly examine: (fresh: boolean, signal: AbortSignal) => Promise<NetworkReport>
  /** Whether there is something to be done that is more urgent. */
  readonly isBusy: () => boolean
  /** What others say of us at any time, without being asked. */
  readonly told: () => Pick<NetworkSummary, 'reachability' | 'mapped'>
}

/** What of our network peers are told: a node examines it when it has time, when something has changed, and else rarely. */
export class OwnSummary implements SummarySource {
  readonly #init: OwnSummaryInit
  readonly #changes = new Events<{ change: undefined }>()
  readonly #allowance = new Allowance(OWN_SUMMARY.examinations)
  #report: NetworkReport | undefined
  #current: NetworkSummary | undefined
  #timer: Timer | undefined
  #running: AbortController | undefined
  /** Examinations that somebody has asked for. */
  #asked = 0
  #failures = 0
  /** Counts networks: a report of the one before is none of this one. */
  #network = 0
  #state: 'new' | 'begun' | 'over' = 'new'

  constructor(init: OwnSummaryInit) {
    this.#init = init
  }

  current(): NetworkSummary | undefined {
    return this.#current
  }

  onChange(listener: () => void): () => void {
    return this.#changes.on('change', listener)
  }

  /** To be called when there is a hub. Nothing is examined before, but by others. */
  begin(): void {
    if (this.#state !== 'new') return
    this.#state = 'begun'
    this.#examineIn(OWN_SUMMARY.firstMs, true)
  }

  /** @param fresh the change was not seen on this machine, where the same addresses mean the same network */
  networkChanged(fresh: boolean): void {
    this.#network++
    this.#report = undefined
    this.#failures = 0
    this.#look()
    this.#examineIn(OWN_SUMMARY.changedMs, fresh)
  }

  /** There is a hub that was not there: it may know what the others do not. */
  hubBack(): void {
    if (this.#report == null || !isComplete(this.#report)) this.#examineIn(OWN_SUMMARY.changedMs, true)
  }

  /** What others say of us may have changed. */
  look(): void {
    if (this.#report != null) this.#look()
  }

  /** An examination that somebody has asked for is as good as one of ours. */
  async taking(work: Promise<NetworkReport>): Promise<NetworkReport> {
    const network = this.#network
    this.#asked++
    try {
      const report = await work
      if (network === this.#network) this.#take(report)
      return report
    } finally {
      this.#asked--
    }
  }

  stop(): void {
    this.#state = 'over'
    this.#timer?.cancel()
    this.#running?.abort(new NatError('LINK_CLOSED', 'the node stops'))
    this.#changes.clear()
  }

  #examineIn(ms: number, fresh: boolean, busySinceMs?: number): void {
    this.#timer?.cancel()
    if (this.#state !== 'begun') return
    this.#timer = this.#init.clock.after(ms, () => this.#due(fresh, busySinceMs))
  }

  #due(fresh: boolean, busySinceMs = this.#init.clock.now()): void {
    const { clock, isBusy } = this.#init
    const nowMs = clock.now()
    const isPatient = nowMs - busySinceMs < OWN_SUMMARY.busyAtMostMs
    if (this.#asked > 0 || (isBusy() && isPatient)) this.#examineIn(OWN_SUMMARY.busyMs, fresh, busySinceMs)
    else if (!this.#allowance.take('', nowMs)) this.#examineIn(OWN_SUMMARY.examinations.refillMs, fresh)
    else void this.#examine(fresh)
  }

  async #examine(fresh: boolean): Promise<void> {
    const network = this.#network
    this.#running?.abort(new NatError('LINK_CLOSED', 'it is examined anew'))
    const running = new AbortController()
    this.#running = running
    const report = await this.#init.examine(fresh, running.signal).catch(() => undefined)
    if (this.#running === running) this.#running = undefined
    if (running.signal.aborted || network !== this.#network) return
    this.#take(report)
  }

  #take(report: NetworkReport | undefined): void {
    if (this.#state === 'over') return
    if (report == null || !isAnswered(report)) {
      const { retryMs } = OWN_SUMMARY
      this.#examineIn(retryMs[Math.min(this.#failures++, retryMs.length - 1)]!, true)
      return
    }
    this.#failures = 0
    this.#report = report
    this.#look()
    this.#examineIn(OWN_SUMMARY.againMs, true)
  }

  /** Tells of it only when it differs: each change is a message to every peer, and a plan made anew. */
  #look(): void {
    const summary = this.#report == null ? undefined : summarised(this.#report, this.#init.told())
    if (isDeepStrictEqual(summary, this.#current)) return
    this.#current = summary
    this.#changes.emit('change', undefined)
  }
}

/** Whether a port is mapped for us, and who has reached us, is known better than by a report of an hour ago. */
function summarised(report: NetworkReport, told: ReturnType<OwnSummaryInit['told']>): NetworkSummary {
  const summary = summaryOf(report)
  const reachability = told.reachability === 'unknown' ? summary.reachability : told.reachability
  return { ...summary, mapped: told.mapped, reachability }
}

/** Where nobody has answered, nothing is known. */
function isAnswered({ udp4, udp6, tcp4, tcp6 }: NetworkReport): boolean {
  return [udp4, udp6, tcp4, tcp6].some(({ ok }) => ok)
}

/** Whether more hubs would tell no more. */
function isComplete({ udp4, udp6 }: NetworkReport): boolean {
  return (
    (udp4.ok || udp6.ok) &&
    [udp4, udp6].every(({ ok, mapping, filtering }) => !ok || (mapping != null && filtering != null))
  )
}
