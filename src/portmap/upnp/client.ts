import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { NetHost } from '../../core/net.ts'
import type { BootWatch } from '../boot.ts'
import type { Ask, Grant, MappingClient, Outcome, Wanted } from '../mapping.ts'
import type { Uplink } from '../uplink.ts'
import { discover } from './discover.ts'
import { PortMappings } from './mappings.ts'
import { Pinholes } from './pinholes.ts'

/** For all requests that one mapping takes. */
const MAP_MS = 12_000

/** The router of an uplink by UPnP, once it has been found. */
export class UpnpClient implements MappingClient {
  readonly #host: NetHost
  readonly #uplink: Uplink
  readonly #boot: BootWatch
  #service: PortMappings | Pinholes | undefined

  /** @param boot  of the same router's notifications */
  constructor(host: NetHost, uplink: Uplink, boot: BootWatch) {
    this.#host = host
    this.#uplink = uplink
    this.#boot = boot
  }

  /** Looks for the router where that has not been done. @returns why there is none. @throws the signal's reason */
  async prepare(signal: AbortSignal): Promise<Extract<Outcome, { refused: unknown }> | undefined> {
    const found = await this.#found(signal)
    return 'refused' in found ? found : undefined
  }

  async map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome> {
    const isKnown = this.#service != null
    const outcome = await this.#map(ask, held, signal)
    const isGone = 'refused' in outcome && outcome.refused.reason === 'no-answer'
    if (!isGone) return outcome
    this.#service = undefined
    // the router's program may be there again, at another port
    return isKnown ? await this.#map(ask, held, signal) : outcome
  }

  async unmap(wanted: Wanted, held: Grant | undefined, signal: AbortSignal): Promise<void> {
    if (held == null) return
    if (this.#service instanceof Pinholes) await this.#service.unmap(wanted, signal)
    else await this.#service?.unmap(wanted, held, signal)
  }

  /** As a value: another mapping may find meanwhile that the router is gone, or find it anew. */
  async #found(signal: AbortSignal): Promise<PortMappings | Pinholes | Extract<Outcome, { refused: unknown }>> {
    if (this.#service != null) return this.#service
    const found = await discover(this.#host, this.#uplink, this.#boot, signal)
    if ('refused' in found) return found
    // two that looked at the same time share what the first one found, and the numbers of its pinholes
    this.#service ??=
      this.#uplink.family === 4
        ? new PortMappings(this.#host, found.services[0]!)
        : new Pinholes(this.#host, found.services[0]!)
    return this.#service
  }

  async #map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome> {
    try {
      return await withDeadline(this.#host.clock, MAP_MS, 'a mapping by UPnP', signal, async aborted => {
        const found = await this.#found(aborted)
        if ('refused' in found) return found
        return found instanceof Pinholes ? await found.map(ask, aborted) : await found.map(ask, held, aborted)
      })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof NatError)) throw error
      return { refused: { reason: 'no-answer', detail: error.message } }
    }
  }
}
