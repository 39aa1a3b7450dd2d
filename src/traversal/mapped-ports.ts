import { ipScope } from '../core/ip.ts'
import type { NetworkReport, PortMappingReport } from '../nat/report.ts'
import type { MappingReason } from '../portmap/reason.ts'

type PortMapping = NetworkReport['portMapping']

/** A protocol that the router knows, and does not map by. */
export interface Refusal {
  /** For people. */
  readonly protocol: string
  readonly reason: string
}

const PROTOCOLS = { pcp: 'PCP', natPmp: 'NAT-PMP', upnp: 'UPnP' } as const

/** Reasons out of portmap's list that say that nobody is there to refuse. */
const SILENT: ReadonlySet<string> = new Set<MappingReason>(['no-answer', 'no-gateway', 'unsupported', 'malformed'])

/** Those by which the router has mapped a port. */
export function working(mapping: PortMapping): PortMappingReport[] {
  return Object.values(mapping).filter(({ ok }) => ok)
}

/** Whether a port that is mapped there is one of the internet. */
export function opensPort(mapping: PortMapping): boolean {
  return working(mapping).some(({ external }) => external == null || ipScope(external) === 'public')
}

/** By which protocols the router says no: who does not speak one gives no answer at all. */
export function refusals(mapping: PortMapping): readonly Refusal[] {
  const keys = Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[]
  return keys.flatMap(key => {
    const { ok, gateway, reason } = mapping[key]
    const refuses = !ok && gateway != null && reason != null && !SILENT.has(reason)
    return refuses ? [{ protocol: PROTOCOLS[key], reason }] : []
  })
}

/** UDP passes, behind a NAT that is not the provider's, and nobody outside can begin. */
export function mappingHelps({ udp4, portMapping, reachability, cgnat }: NetworkReport): boolean {
  const nat = udp4.ok && udp4.translated === true
  const gateway = Object.values(portMapping).some(({ reason }) => reason != null && reason !== 'no-gateway')
  return nat && gateway && reachability !== 'public' && cgnat !== true && working(portMapping).length === 0
}
