import type { Dependence } from '../../core/behaviour.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Protocol } from './packet.ts'
import type { TcpState } from './tcp-state.ts'

/** One inside endpoint and the outside one that stands for it (the same, in a firewall). */
export interface Mapping {
  readonly protocol: Protocol
  readonly internal: Endpoint
  readonly external: Endpoint
  /** Under which key new flows find it; undefined when it was only asked for (PCP), or is so no longer. */
  implicitKey: string | undefined
  /** Until when it is there whatever passes; undefined when nobody asked for it. */
  explicitUntilMs: number | undefined
  /** No flow of it lives longer. */
  expiresAtMs: number
  readonly flows: Map<string, Flow>
  /** Flows by what the filter goes by: whoever shares a key with one that lives may send. */
  readonly groups: Map<string, FlowGroup>
}

export interface FlowGroup {
  /** No flow of it lives longer. */
  expiresAtMs: number
  readonly flows: Set<Flow>
}

/** What passes between an inside endpoint and one remote. */
export interface Flow {
  readonly mapping: Mapping
  readonly remote: Endpoint
  spokeOut: boolean
  spokeIn: boolean
  tcp: TcpState | undefined
  expiresAtMs: number
}

/** A mapping as others are told about it. */
export interface MappingView {
  readonly protocol: Protocol
  readonly internal: Endpoint
  readonly external: Endpoint
  /** Whether it was asked for, rather than made by a packet. */
  readonly explicit: boolean
  readonly expiresAtMs: number
}

export function isAlive(mapping: Mapping, nowMs: number): boolean {
  return endOf(mapping) > nowMs
}

/** When it dies if nothing passes. */
export function endOf({ expiresAtMs, explicitUntilMs = 0 }: Mapping): number {
  return Math.max(expiresAtMs, explicitUntilMs)
}

export function isExplicit(mapping: Mapping, nowMs: number): boolean {
  return (mapping.explicitUntilMs ?? 0) > nowMs
}

export function endpointKey(protocol: Protocol, { address, port }: Endpoint): string {
  return `${protocol} ${address} ${port}`
}

/** What a rule looks at of a remote (RFC 4787 sections 4.1 and 5). */
export function dependenceKey(dependence: Dependence, remote: Endpoint): string {
  switch (dependence) {
    case 'endpoint-independent':
      return ''
    case 'address-dependent':
      return remote.address
    case 'address-and-port-dependent':
      return remoteKey(remote)
    default:
      return dependence satisfies never
  }
}

export function remoteKey(remote: Endpoint): string {
  return `${remote.address} ${remote.port}`
}

/** Gives a flow another end of life, and tells those that live as long as it. */
export function prolong(flow: Flow, group: FlowGroup, expiresAtMs: number): void {
  const shrinks = expiresAtMs < flow.expiresAtMs
  flow.expiresAtMs = expiresAtMs
  const { mapping } = flow
  if (shrinks) {
    group.expiresAtMs = latest(group.flows)
    mapping.expiresAtMs = latest(mapping.flows.values())
  } else {
    group.expiresAtMs = Math.max(group.expiresAtMs, expiresAtMs)
    mapping.expiresAtMs = Math.max(mapping.expiresAtMs, expiresAtMs)
  }
}

function latest(flows: Iterable<Flow>): number {
  let atMs = 0
  for (const flow of flows) atMs = Math.max(atMs, flow.expiresAtMs)
  return atMs
}
