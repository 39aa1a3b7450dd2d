import { isIPv4 } from 'node:net'
import { ipScope } from '../../core/ip.ts'
import type { NetHost } from '../../core/net.ts'
import type { ActionInput } from '../../wire/upnp/actions.ts'
import type { Ask, Grant, Outcome, Wanted } from '../mapping.ts'
import { type Refusal, upnpRefusal } from '../reason.ts'
import { isSameAddress } from '../uplink.ts'
import { type Called, call } from './control.ts'
import type { GatewayService } from './discover.ts'

/** Shown in the router's list of mappings. */
const DESCRIPTION = 'beeline'

/** What to try next when a router does not make a mapping as asked. */
export type Remedy = 'permanent' | 'same-port' | 'replace' | 'fixed-port' | 'none'

/** Faults that another request may avoid. Pure. */
export function remedyFor(code: number | undefined, leaseSeconds: number, mayChoose: boolean): Remedy {
  switch (code) {
    // no such action, although the version has it
    case 401:
    case 602:
    // NoPortMapsAvailable is also what miniupnpd says whose rules allow none: for one port it says why
    case 728:
      return mayChoose ? 'fixed-port' : 'none'
    // OnlyPermanentLeasesSupported, which some routers call InvalidArgs
    case 725:
    case 402:
      return leaseSeconds > 0 ? 'permanent' : 'none'
    // SamePortValuesRequired
    case 724:
      return 'same-port'
    // ConflictInMappingEntry, perhaps with our own of before
    case 718:
      return 'replace'
    default:
      return 'none'
  }
}

const MAPPED_TO_0: Refusal = { reason: 'malformed', detail: 'UPnP mapped to port 0' }

/** More remedies than any router needs one after the other. */
const MAX_REMEDIES = 3

/** WANIPConnection and WANPPPConnection of one router: its mappings for IPv4. Each call is asked with our address that reaches it. */
export class PortMappings {
  readonly #host: NetHost
  readonly #service: GatewayService
  /** Routers that know no leases keep what they map until it is deleted. */
  #permanentOnly = false
  /** Version 2 has AddAnyPortMapping, which takes another port where the one asked for is taken. */
  #choosesPorts: boolean

  constructor(host: NetHost, service: GatewayService) {
    this.#host = host
    this.#service = service
    this.#choosesPorts = service.version >= 2
  }

  /** @throws the signal's reason, nothing else */
  async map(ask: Ask, held: Grant | undefined, signal: AbortSignal): Promise<Outcome> {
    // asked first: the answer also tells which address of ours reaches the router
    const told = await call(this.#host, this.#service, 'GetExternalIPAddress', {}, signal)
    if (!('output' in told)) return { refused: refusalOf(told) }
    const { localAddress: client } = told
    const address = told.output.NewExternalIPAddress
    // of IPv4 only; and with a zone, which IPv6 may have, it would be no multiaddr
    if (!isIPv4(address) || ipScope(address) === 'unspecified') {
      return { refused: { reason: 'no-external-address', detail: `UPnP: '${address}' outside` } }
    }
    const added = await this.#add(ask, held, client, signal)
    if ('refused' in added) return added
    return {
      granted: {
        by: 'upnp',
        internal: { address: client, port: ask.internalPort },
        external: { address, port: added.externalPort },
        lifetimeSeconds: added.leaseSeconds === 0 ? null : added.leaseSeconds
      }
    }
  }

  /** @throws the signal's reason, nothing else */
  async unmap({ protocol }: Wanted, held: Grant, signal: AbortSignal): Promise<void> {
    await call(this.#host, this.#service, 'DeletePortMapping', entry(protocol, held.external.port), signal)
  }

  async #add(
    ask: Ask,
    held: Grant | undefined,
    client: string,
    signal: AbortSignal
  ): Promise<{ readonly externalPort: number; readonly leaseSeconds: number } | { readonly refused: Refusal }> {
    let { externalPort } = ask
    for (let remedies = 0; ; remedies++) {
      const leaseSeconds = this.#permanentOnly ? 0 : ask.lifetimeSeconds
      const input = inputOf(ask, client, externalPort, leaseSeconds)
      // a renewal is for the port that we have
      const mayChoose = held == null && this.#choosesPorts
      const added = mayChoose ? await this.#addAny(input, signal) : await this.#addThis(input, signal)
      if ('externalPort' in added) return { ...added, leaseSeconds }
      if ('refused' in added) return added
      const remedy = remedies < MAX_REMEDIES ? remedyFor(added.fault.code, leaseSeconds, mayChoose) : 'none'
      if (remedy === 'permanent') this.#permanentOnly = true
      else if (remedy === 'fixed-port') this.#choosesPorts = false
      else if (remedy === 'same-port' && externalPort !== ask.internalPort) externalPort = ask.internalPort
      else if (remedy !== 'replace' || !(await this.#cleared(ask, client, externalPort, signal))) {
        return { refused: refusalOf(added) }
      }
    }
  }

  async #addThis(input: ActionInput<'AddPortMapping'>, signal: AbortSignal) {
    const added = await call(this.#host, this.#service, 'AddPortMapping', input, signal)
    return 'output' in added ? { externalPort: input.NewExternalPort } : added
  }

  async #addAny(input: ActionInput<'AddPortMapping'>, signal: AbortSignal) {
    const added = await call(this.#host, this.#service, 'AddAnyPortMapping', input, signal)
    if (!('output' in added)) return added
    const { NewReservedPort: externalPort } = added.output
    return externalPort === 0 ? { refused: MAPPED_TO_0 } : { externalPort }
  }

  /** Takes away a mapping of ours that is in the way of its like: left by a program that was killed, or not to be renewed. */
  async #cleared({ protocol, internalPort }: Ask, client: string, port: number, signal: AbortSignal): Promise<boolean> {
    const there = await call(this.#host, this.#service, 'GetSpecificPortMappingEntry', entry(protocol, port), signal)
    if (!('output' in there)) return false
    const { NewInternalClient, NewInternalPort } = there.output
    if (!isSameAddress(NewInternalClient, client) || NewInternalPort !== internalPort) return false
    const deleted = await call(this.#host, this.#service, 'DeletePortMapping', entry(protocol, port), signal)
    return 'output' in deleted
  }
}

function refusalOf(called: Exclude<Called<never>, { output: unknown }>): Refusal {
  return 'refused' in called ? called.refused : upnpRefusal(called.fault, 'connection')
}

function entry(protocol: Wanted['protocol'], externalPort: number): ActionInput<'DeletePortMapping'> {
  return { NewRemoteHost: '', NewExternalPort: externalPort, NewProtocol: protocol.toUpperCase() }
}

function inputOf(
  { protocol, internalPort }: Wanted,
  client: string,
  externalPort: number,
  leaseSeconds: number
): ActionInput<'AddPortMapping'> {
  return {
    ...entry(protocol, externalPort),
    NewInternalPort: internalPort,
    NewInternalClient: client,
    NewEnabled: true,
    NewPortMappingDescription: DESCRIPTION,
    NewLeaseDuration: leaseSeconds
  }
}
