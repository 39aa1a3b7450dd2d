import type { Endpoint } from '../../core/machine.ts'
import type { NatBehaviour } from './behaviour.ts'
import type { Flow, FlowGroup, Mapping } from './mapping.ts'
import { dependenceKey, endpointKey, isAlive, isExplicit, remoteKey } from './mapping.ts'
import type { Protocol } from './packet.ts'

/** How often the dead are looked for while new mappings come; in between, each is found when its port or its key is. */
const SWEEP_MS = 1000

/** Everything that a NAT remembers, found from inside, from outside, and by flow; bounded. What has expired is not there. */
export class MappingTable {
  readonly #behaviour: NatBehaviour
  readonly #byExternal = new Map<string, Mapping>()
  /** Made by packets, by inside endpoint and what the mapping depends on. */
  readonly #implicit = new Map<string, Mapping>()
  /** Asked for, by inside endpoint. */
  readonly #explicit = new Map<string, Mapping>()
  /** By inside endpoint and remote. */
  readonly #flows = new Map<string, Flow>()
  readonly #perHost = new Map<string, number>()
  #sweepAtMs = 0

  constructor(behaviour: NatBehaviour) {
    this.#behaviour = behaviour
  }

  /** Those that are alive. */
  *mappings(nowMs: number): Generator<Mapping> {
    for (const mapping of this.#byExternal.values()) if (isAlive(mapping, nowMs)) yield mapping
  }

  byExternal(nowMs: number, protocol: Protocol, external: Endpoint): Mapping | undefined {
    return this.#alive(nowMs, this.#byExternal.get(endpointKey(protocol, external)))
  }

  /** What a new flow of an inside endpoint uses: what its other flows use, else what was asked for. */
  forRemote(nowMs: number, protocol: Protocol, internal: Endpoint, remote: Endpoint): Mapping | undefined {
    const implicit = this.#implicit.get(this.implicitKey(protocol, internal, remote))
    return this.#alive(nowMs, implicit) ?? this.explicitOf(nowMs, protocol, internal)
  }

  explicitOf(nowMs: number, protocol: Protocol, internal: Endpoint): Mapping | undefined {
    const explicit = this.#explicit.get(endpointKey(protocol, internal))
    return explicit && isExplicit(explicit, nowMs) ? explicit : undefined
  }

  flow(nowMs: number, protocol: Protocol, internal: Endpoint, remote: Endpoint): Flow | undefined {
    const flow = this.#flows.get(flowKey(protocol, internal, remote))
    return flow && flow.expiresAtMs > nowMs ? flow : undefined
  }

  /** By which a mapping that a packet makes is found again. */
  implicitKey(protocol: Protocol, internal: Endpoint, remote: Endpoint): string {
    const { mapping } = this.#behaviour
    const dependence = mapping === 'none' ? 'endpoint-independent' : mapping
    return `${endpointKey(protocol, internal)} ${dependenceKey(dependence, remote)}`
  }

  hasRoomFor(nowMs: number, internal: Endpoint): boolean {
    const { maxMappings, maxMappingsPerHost } = this.#behaviour
    const isFull = () =>
      this.#byExternal.size >= maxMappings || (this.#perHost.get(internal.address) ?? 0) >= maxMappingsPerHost
    if (nowMs >= this.#sweepAtMs || isFull()) this.sweep(nowMs)
    return !isFull()
  }

  /** The public endpoint must be free, and there must be room. */
  add(protocol: Protocol, internal: Endpoint, external: Endpoint): Mapping {
    const mapping: Mapping = {
      protocol,
      internal,
      external,
      implicitKey: undefined,
      explicitUntilMs: undefined,
      expiresAtMs: 0,
      flows: new Map(),
      groups: new Map()
    }
    this.#byExternal.set(endpointKey(protocol, external), mapping)
    this.#perHost.set(internal.address, (this.#perHost.get(internal.address) ?? 0) + 1)
    return mapping
  }

  useFor(mapping: Mapping, implicitKey: string): void {
    mapping.implicitKey = implicitKey
    this.#implicit.set(implicitKey, mapping)
  }

  /** The last one asked for is the one that new flows use; others stay open. */
  keepUntil(mapping: Mapping, atMs: number): void {
    mapping.explicitUntilMs = atMs
    this.#explicit.set(endpointKey(mapping.protocol, mapping.internal), mapping)
  }

  /** It was asked for no longer, and lives on only with its flows. */
  letGo(nowMs: number, mapping: Mapping): void {
    mapping.explicitUntilMs = undefined
    this.#forgetExplicit(mapping)
    this.#alive(nowMs, mapping)
  }

  /** @returns undefined when the mapping has all the flows that it may have */
  addFlow(nowMs: number, mapping: Mapping, remote: Endpoint): { flow: Flow; group: FlowGroup } | undefined {
    const { maxFlowsPerMapping } = this.#behaviour
    if (mapping.flows.size >= maxFlowsPerMapping) this.#sweepFlows(nowMs, mapping)
    // a flow that has died may still be there under its key, or be another mapping's
    const key = flowKey(mapping.protocol, mapping.internal, remote)
    const old = this.#flows.get(key)
    if (old) this.#removeFlow(old)
    if (mapping.flows.size >= maxFlowsPerMapping) return undefined
    const flow: Flow = { mapping, remote, spokeOut: false, spokeIn: false, tcp: undefined, expiresAtMs: 0 }
    const group = this.group(mapping, remote) ?? { expiresAtMs: 0, flows: new Set() }
    group.flows.add(flow)
    mapping.groups.set(this.#groupKey(remote), group)
    mapping.flows.set(remoteKey(remote), flow)
    this.#flows.set(key, flow)
    return { flow, group }
  }

  group(mapping: Mapping, remote: Endpoint): FlowGroup | undefined {
    return mapping.groups.get(this.#groupKey(remote))
  }

  sweep(nowMs: number): void {
    this.#sweepAtMs = nowMs + SWEEP_MS
    for (const mapping of this.#byExternal.values()) this.#alive(nowMs, mapping)
  }

  clear(): void {
    for (const map of [this.#byExternal, this.#implicit, this.#explicit, this.#flows, this.#perHost]) map.clear()
  }

  #groupKey(remote: Endpoint): string {
    return dependenceKey(this.#behaviour.filtering, remote)
  }

  /** Buries it when it is dead. */
  #alive(nowMs: number, mapping: Mapping | undefined): Mapping | undefined {
    if (!mapping || isAlive(mapping, nowMs)) return mapping
    const { protocol, internal, external, implicitKey } = mapping
    this.#byExternal.delete(endpointKey(protocol, external))
    if (implicitKey !== undefined) this.#implicit.delete(implicitKey)
    this.#forgetExplicit(mapping)
    for (const flow of mapping.flows.values()) this.#removeFlow(flow)
    const left = this.#perHost.get(internal.address)! - 1
    if (left === 0) this.#perHost.delete(internal.address)
    else this.#perHost.set(internal.address, left)
    return undefined
  }

  #forgetExplicit(mapping: Mapping): void {
    const key = endpointKey(mapping.protocol, mapping.internal)
    if (this.#explicit.get(key) === mapping) this.#explicit.delete(key)
  }

  #sweepFlows(nowMs: number, mapping: Mapping): void {
    for (const flow of mapping.flows.values()) if (flow.expiresAtMs <= nowMs) this.#removeFlow(flow)
  }

  #removeFlow(flow: Flow): void {
    const { mapping, remote } = flow
    mapping.flows.delete(remoteKey(remote))
    const group = this.group(mapping, remote)
    group?.flows.delete(flow)
    if (group?.flows.size === 0) mapping.groups.delete(this.#groupKey(remote))
    const key = flowKey(mapping.protocol, mapping.internal, remote)
    if (this.#flows.get(key) === flow) this.#flows.delete(key)
  }
}

function flowKey(protocol: Protocol, internal: Endpoint, remote: Endpoint): string {
  return `${protocol} ${internal.address} ${internal.port} ${remote.address} ${remote.port}`
}
