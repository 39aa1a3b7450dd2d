import { type HostSpec, isRouter, type LinkSpec, type RouterSpec, type SimSpec, uplinksOf } from './spec.ts'

/**
 * The addresses of a network, those that the kernel lab gives the same spec (docs/lab.md). Node number i (in the order of the
 * spec, from 1) on the internet is 11.i.0.10 and 2a0b:beef:i::10, its second uplink there 11.i.2.10, and so on. Behind router i lies
 * - 192.168.i.0/24, or 100.64.i.0/24 (RFC 6598, carrier-grade) where another router sits behind it
 * - 11.i.1.0/24, routed, when it is a firewall without NAT on the internet
 * - 2a0b:beef:i:1::/64, or fd00:beef:i:1::/64 where a router translates IPv6
 */
export interface PlannedUplink {
  /** Index in its node, from 0. */
  readonly index: number
  /** The router that it leads to; undefined: the internet. */
  readonly behind: string | undefined
  readonly link: LinkSpec
  /** IPv4 addresses, none without IPv4. */
  readonly ips: readonly string[]
  readonly ip6: string | undefined
  readonly gateway: string
  readonly gateway6: string
  /** Where the internet sees it come from, over IPv4. */
  readonly publicIp: string
}

export interface Lan {
  readonly ip: string
  readonly network: string
  readonly ip6: string | undefined
  readonly network6: string
}

export interface PlannedNode {
  readonly name: string
  readonly spec: HostSpec | RouterSpec
  readonly uplinks: readonly [PlannedUplink, ...PlannedUplink[]]
  /** A router's side towards those behind it. */
  readonly lan: Lan | undefined
}

const FIRST_HOST = 10

/** Lays out the addresses of a checked spec, routers before what is behind them. Pure. */
export function planSim(spec: SimSpec): PlannedNode[] {
  const names = Object.keys(spec)
  const nodes = new Map<string, PlannedNode>()
  const neighbours = new Map<string, number>()

  const uplinkOf = (name: string, index: number): PlannedUplink => {
    const node = spec[name]!
    const { behind, link = {} } = uplinksOf(node)[index]!
    const i = names.indexOf(name) + 1
    const up = behind === undefined ? undefined : add(behind)
    const taken = up ? (neighbours.get(up.name) ?? 0) : 0
    const count = node.addresses ?? 1
    if (up) neighbours.set(up.name, taken + count)
    const first = FIRST_HOST + taken
    // the firewalls' networks are where the second uplink would come
    const subnet = index === 0 ? 0 : index + 1
    const prefix = up?.lan ? up.lan.network.replace(/0\/24$/, '') : `11.${i}.${subnet}.`
    const prefix6 = up?.lan
      ? up.lan.network6.replace(/\/64$/, '')
      : `2a0b:beef:${hex(i)}${subnet === 0 ? '' : `:${hex(subnet)}`}::`
    const ips = 'ipv4' in node && node.ipv4 === false ? [] : range(count, n => `${prefix}${first + n}`)
    const own = `${prefix}${first}`
    return {
      index,
      behind,
      link,
      ips,
      ip6: hasIpv6(spec, name) ? `${prefix6}${first}` : undefined,
      gateway: up?.lan?.ip ?? `${prefix}1`,
      gateway6: up?.lan?.ip6 ?? `${prefix6}1`,
      publicIp: up ? publicThrough(up, own) : own
    }
  }
  const add = (name: string): PlannedNode => {
    const done = nodes.get(name)
    if (done) return done
    const node = spec[name]!
    const [first, ...others] = uplinksOf(node).map((_, index) => uplinkOf(name, index))
    const planned: PlannedNode = {
      name,
      spec: node,
      uplinks: [first!, ...others],
      lan: isRouter(node) ? lanOf(spec, name, names.indexOf(name) + 1, first!.behind === undefined) : undefined
    }
    nodes.set(name, planned)
    return planned
  }
  /** A firewall without NAT shows its hosts as they are, to whatever is upstream of it. */
  const publicThrough = ({ spec: router, uplinks: [uplink] }: PlannedNode, ip: string): string => {
    if (isRouter(router) && router.mapping !== 'none') return uplink.publicIp
    return uplink.behind === undefined ? ip : publicThrough(nodes.get(uplink.behind)!, ip)
  }
  for (const name of names) add(name)
  return [...nodes.values()]
}

function lanOf(spec: SimSpec, name: string, i: number, outermost: boolean): Lan {
  const carrier = Object.values(spec).some(
    node => isRouter(node) && uplinksOf(node).some(({ behind }) => behind === name)
  )
  const open = (spec[name] as RouterSpec).mapping === 'none' && outermost
  const prefix = open ? `11.${i}.1` : `${carrier ? '100.64' : '192.168'}.${i}`
  const prefix6 = `${isBehindNat66(spec, name) ? 'fd00' : '2a0b'}:beef:${hex(i)}:1::`
  return {
    ip: `${prefix}.1`,
    network: `${prefix}.0/24`,
    ip6: hasIpv6(spec, name) ? `${prefix6}1` : undefined,
    network6: `${prefix6}/64`
  }
}

function isBehindNat66(spec: SimSpec, name: string): boolean {
  const node = spec[name]!
  if (isRouter(node) && node.nat66 === true) return true
  return uplinksOf(node).some(({ behind }) => behind !== undefined && isBehindNat66(spec, behind))
}

function hasIpv6(spec: SimSpec, name: string): boolean {
  if (spec[name]!.ipv6) return true
  return Object.keys(spec).some(
    other => uplinksOf(spec[other]!).some(({ behind }) => behind === name) && hasIpv6(spec, other)
  )
}

function range<T>(count: number, item: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => item(n))
}

function hex(i: number): string {
  return i.toString(16)
}
