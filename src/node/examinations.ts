import type { Libp2p } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { Autonat } from '../libp2p/autonat/index.ts'
import type { MappedPorts } from '../libp2p/mapped/ports.ts'
import type { NetworkReport } from '../nat/report.ts'
import { systemHost } from '../socket/system/host.ts'
import type { Examinee, ExamineOptions } from './examine.ts'
import { OwnSummary } from './own-summary.ts'
import { reachabilityOf } from './reachability.ts'

/** What there is once libp2p is. */
export interface ExaminationParts {
  readonly libp2p: Libp2p<{ autonat: Autonat }>
  readonly transportManager: TransportManager
  readonly hubs: readonly Multiaddr[]
  readonly ports: MappedPorts
  readonly portMapping: boolean
}

/** Examinations of the network that a node is in: those that its program asks for, and its own, of which peers are told. */
export class Examinations {
  readonly summary: OwnSummary
  #parts: ExaminationParts | undefined
  #whole: Examinee | undefined
  #brief: Examinee | undefined

  /** @param isBusy whether there is something to be done that is more urgent */
  constructor(isBusy: () => boolean) {
    this.summary = new OwnSummary({
      clock: realClock,
      examine: async (fresh, signal) => {
        const { examineNode } = await import('./examine.ts')
        this.#brief ??= await this.#examinee(true)
        return await examineNode(this.#brief, { remembered: !fresh, signal })
      },
      isBusy,
      told: () => this.#told()
    })
  }

  /** @param examines whether the node has examinations of its own, too */
  start(parts: ExaminationParts, examines: boolean): void {
    this.#parts = parts
    if (!examines) return
    parts.libp2p.services.autonat.events.on('reachability', () => this.summary.look())
    parts.ports.onChange(() => this.summary.look())
    this.summary.begin()
  }

  /** One that was asked for: a whole one. @throws the signal's reason */
  async examine(options?: ExamineOptions): Promise<NetworkReport> {
    const { examineNode } = await import('./examine.ts')
    this.#whole ??= await this.#examinee(false)
    return await this.summary.taking(examineNode(this.#whole, options))
  }

  /** Few programs ask within their first second, and it is a lot of code. */
  async #examinee(brief: boolean): Promise<Examinee> {
    const { examineeOf } = await import('./examine.ts')
    if (this.#parts == null) throw new NatError('LINK_CLOSED', 'the node has not started')
    const { libp2p, transportManager, hubs, portMapping } = this.#parts
    // the router is asked by who keeps ports mapped
    const settings = { host: systemHost, portMapping: portMapping && !brief, brief }
    return examineeOf(libp2p, transportManager.getTransports(), hubs, settings)
  }

  #told() {
    if (this.#parts == null) return { reachability: 'unknown', mapped: false } as const
    const { libp2p, ports } = this.#parts
    return {
      reachability: reachabilityOf(libp2p.services.autonat.reachability),
      // behind two NATs the inner one's mapping leads nowhere
      mapped: ports.mapped.some(({ scope }) => scope !== 'private')
    }
  }
}
