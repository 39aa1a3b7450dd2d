import type { NetHost } from '../../core/net.ts'
import { IP_PROTOCOLS } from '../../wire/pcp/codes.ts'
import type { Ask, Grant, Outcome, Wanted } from '../mapping.ts'
import { type Refusal, upnpRefusal } from '../reason.ts'
import { type Called, call } from './control.ts'
import type { GatewayService } from './discover.ts'

/** WANIPv6FirewallControl:1 section 2.5.3: the longest lease of a pinhole. */
const MAX_LEASE_SECONDS = 86_400

/** WANIPv6FirewallControl of one router: its pinholes. What is outside is what is inside. */
export class Pinholes {
  readonly #host: NetHost
  readonly #service: GatewayService
  /** By protocol and port: the number by which a pinhole is renewed and deleted. */
  readonly #ids = new Map<string, { readonly id: number; readonly address: string }>()

  constructor(host: NetHost, service: GatewayService) {
    this.#host = host
    this.#service = service
  }

  /** @throws the signal's reason, nothing else */
  async map(ask: Ask, signal: AbortSignal): Promise<Outcome> {
    const status = await call(this.#host, this.#service, 'GetFirewallStatus', {}, signal)
    if (!('output' in status)) return { refused: refusalOf(status) }
    const { localAddress: address } = status
    const leaseSeconds = Math.min(MAX_LEASE_SECONDS, ask.lifetimeSeconds)
    if (!status.output.FirewallEnabled) return granted(ask, address, leaseSeconds)
    if (!status.output.InboundPinholeAllowed) {
      return { refused: { reason: 'disabled', detail: 'UPnP: pinholes are not allowed' } }
    }
    const known = this.#ids.get(keyOf(ask))
    if (known?.address === address) {
      const input = { UniqueID: known.id, NewLeaseTime: leaseSeconds }
      const updated = await call(this.#host, this.#service, 'UpdatePinhole', input, signal)
      if ('output' in updated) return granted(ask, address, leaseSeconds)
      // the router has forgotten it, so it is made anew
      this.#ids.delete(keyOf(ask))
    }
    const added = await call(
      this.#host,
      this.#service,
      'AddPinhole',
      {
        RemoteHost: '',
        RemotePort: 0,
        InternalClient: address,
        InternalPort: ask.internalPort,
        Protocol: IP_PROTOCOLS[ask.protocol],
        LeaseTime: leaseSeconds
      },
      signal
    )
    if (!('output' in added)) return { refused: refusalOf(added) }
    this.#ids.set(keyOf(ask), { id: added.output.UniqueID, address })
    return granted(ask, address, leaseSeconds)
  }

  /** @throws the signal's reason, nothing else */
  async unmap(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const known = this.#ids.get(keyOf(wanted))
    if (known == null) return
    this.#ids.delete(keyOf(wanted))
    await call(this.#host, this.#service, 'DeletePinhole', { UniqueID: known.id }, signal)
  }
}

function granted({ internalPort }: Wanted, address: string, lifetimeSeconds: number): Outcome {
  const endpoint = { address, port: internalPort }
  const grant: Grant = { by: 'upnp', internal: endpoint, external: endpoint, lifetimeSeconds }
  return { granted: grant }
}

function refusalOf(called: Exclude<Called<never>, { output: unknown }>): Refusal {
  return 'refused' in called ? called.refused : upnpRefusal(called.fault, 'firewall')
}

function keyOf({ protocol, internalPort }: Wanted): string {
  return `${protocol} ${internalPort}`
}
