import type { HostSpec, LabSpec, LinkSpec, RouterSpec } from './spec.ts'
import { isRouter } from './spec.ts'

/**
 * The addresses of a lab. Node number i (in the order of the spec, from 1) that is on the internet is 11.i.0.10: simulated
 * internets live in 11.0.0.0/8 because implementations skip addresses that are not public. With IPv6 it is
 * 2a0b:beef:i::10, and a router hands out 2a0b:beef:i:1::/64, or fd00:beef:i:1::/64 behind one that translates IPv6. Behind router i lies
 * - 192.168.i.0/24, or 100.64.i.0/24 (RFC 6598, carrier-grade) where another router sits behind it
 * - 11.i.1.0/24, routed, when it is a firewall without NAT on the internet
 */
export interface PlannedNode {
  name: string
  kind: 'host' | 'router'
  spec: HostSpec | RouterSpec
  /** The router that it is behind, by name. */
  behind: string | undefined
  /** IPv4 on its uplink, empty without IPv4; all of them where it has several. */
  ip: string
  ips: string[]
  ip6: string | undefined
  /** Who routes for it. */
  gateway: string
  gateway6: string
  /** Where the internet sees it come from, over IPv4 (through a NAT64, where it has none itself). */
  publicIp: string
  /** A router's side towards those behind it; `lan.ip` and `lan.ip6` are its own addresses there. */
  lan: { ip: string; network: string; ip6: string; network6: string } | undefined
  /** Networks that are reached through nodes behind this router. */
  routes: Route[]
  link: LinkSpec | undefined
}

export interface Route {
  network: string
  via: string
  family: 4 | 6
}

export interface Plan {
  nodes: PlannedNode[]
  /** Routes of the internet itself. */
  routes: Route[]
}

/** The last number of the first address that a network gives to a host. */
export const FIRST_HOST = 10

/** Lays out the addresses and routes of a checked spec. Pure. */
export function planLab(spec: LabSpec): Plan {
  const names = Object.keys(spec)
  const nodes = new Map<string, PlannedNode>()
  const neighbours = new Map<string, number>()

  // a router before those behind it: their addresses come out of its network
  const add = (name: string): PlannedNode => {
    const done = nodes.get(name)
    if (done) return done
    const node = spec[name]!
    const i = names.indexOf(name) + 1
    const up = node.behind === undefined ? undefined : add(node.behind)
    const first = FIRST_HOST + (up ? (neighbours.get(up.name) ?? 0) : 0)
    const count = isRouter(node) ? 1 : (node.addresses ?? 1)
    if (up) neighbours.set(up.name, first - FIRST_HOST + count)
    const prefix = up?.lan?.network.replace(/0\/24$/, '') ?? `11.${i}.0.`
    const own = `${prefix}${first}`
    const hasIpv4 = isRouter(node) || node.ipv4 !== false
    const ips = hasIpv4 ? Array.from({ length: count }, (_, n) => `${prefix}${first + n}`) : []
    const planned: PlannedNode = {
      name,
      kind: isRouter(node) ? 'router' : 'host',
      spec: node,
      behind: node.behind,
      ip: ips[0] ?? '',
      ips,
      ip6: hasIpv6(spec, name)
        ? up
          ? `${up.lan!.network6.replace(/\/64$/, '')}${first}`
          : `2a0b:beef:${hex(i)}::10`
        : undefined,
      gateway: up?.lan?.ip ?? `11.${i}.0.1`,
      gateway6: up?.lan?.ip6 ?? `2a0b:beef:${hex(i)}::1`,
      publicIp: publicIpOf(nodes, up, own),
      lan: isRouter(node) ? lanOf(spec, name, i, up) : undefined,
      routes: [],
      link: node.link
    }
    nodes.set(name, planned)
    return planned
  }
  for (const name of names) add(name)

  const internet: Route[] = []
  for (const router of nodes.values()) {
    if (!router.lan) continue
    if (router.ip6 && !isTranslating6(router))
      routeUpwards(nodes, internet, router, { network: router.lan.network6, family: 6 })
    if (!isTranslating(router)) routeUpwards(nodes, internet, router, { network: router.lan.network, family: 4 })
  }
  return { nodes: [...nodes.values()], routes: internet }
}

/** As whom the internet sees an address behind that router; a firewall without NAT shows it as it is, to whatever is upstream of it. */
export function publicIpOf(
  nodes: ReadonlyMap<string, PlannedNode>,
  router: PlannedNode | undefined,
  ip: string
): string {
  if (!router) return ip
  return isTranslating(router) ? router.publicIp : publicIpOf(nodes, nodes.get(router.behind ?? ''), ip)
}

/** Tells everyone upstream of the router how to reach a network behind it; a NAT is the end of a network. */
function routeUpwards(
  nodes: ReadonlyMap<string, PlannedNode>,
  internet: Route[],
  router: PlannedNode,
  { network, family }: Omit<Route, 'via'>
): void {
  for (let at = router; ; ) {
    const route: Route = { network, family, via: family === 6 ? at.ip6! : at.ip }
    if (at.behind === undefined) {
      internet.push(route)
      return
    }
    at = nodes.get(at.behind)!
    at.routes.push(route)
    if (family === 4 ? isTranslating(at) : isTranslating6(at)) return
  }
}

function lanOf(spec: LabSpec, name: string, i: number, up: PlannedNode | undefined): PlannedNode['lan'] {
  const carrier = Object.values(spec).some(node => node.behind === name && isRouter(node))
  const open = (spec[name] as RouterSpec).mapping === 'none' && up === undefined
  const prefix = open ? `11.${i}.1` : `${carrier ? '100.64' : '192.168'}.${i}`
  const prefix6 = `${isBehindNat66(spec, name) ? 'fd00' : '2a0b'}:beef:${hex(i)}:1::`
  return { ip: `${prefix}.1`, network: `${prefix}.0/24`, ip6: `${prefix6}1`, network6: `${prefix6}/64` }
}

function isTranslating(node: PlannedNode): boolean {
  return isRouter(node.spec) && node.spec.mapping !== 'none'
}

function isTranslating6(node: PlannedNode): boolean {
  return isRouter(node.spec) && node.spec.nat66 === true
}

/** The router itself, or one that it is behind, translates IPv6. */
function isBehindNat66(spec: LabSpec, name: string | undefined): boolean {
  const node = name === undefined ? undefined : spec[name]
  if (!node) return false
  return (isRouter(node) && node.nat66 === true) || isBehindNat66(spec, node.behind)
}

function hasIpv6(spec: LabSpec, name: string): boolean {
  if (spec[name]!.ipv6) return true
  return Object.keys(spec).some(other => spec[other]!.behind === name && hasIpv6(spec, other))
}

export function hex(i: number): string {
  return i.toString(16)
}
