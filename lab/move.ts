import { FIRST_HOST, hex, type Plan, type PlannedNode, publicIpOf } from './plan.ts'
import { LAN } from './rules.ts'
import { addressing, batch, inside, internetPort, ipv6Switch, neighbours, routerPort, uplinkOf } from './script.ts'
import { type HostSpec, INTERNET } from './spec.ts'

/** A cable that is plugged in has a carrier at once, and the kernel looks at it within a second (its linkwatch). */
const CARRIER_LOOKS = 100
const CARRIER_LOOK_SECONDS = 0.02

/**
 * A host as it is behind another router, or on the internet: it gets the first addresses there that nobody has. Pure.
 *
 * @throws Error when there is no such host, or no such router
 */
export function movedNode(plan: Plan, name: string, behind: string | undefined): PlannedNode {
  const nodes = new Map(plan.nodes.map(node => [node.name, node]))
  const node = nodes.get(name)
  const router = behind === undefined ? undefined : nodes.get(behind)
  if (node?.kind !== 'host') throw new Error(`'${name}' is not a host of this lab: only hosts move`)
  if (behind !== undefined && router?.lan == null) throw new Error(`'${behind}' is not a router of this lab`)
  const spec = node.spec as HostSpec
  const i = plan.nodes.indexOf(node) + 1
  const count = spec.addresses ?? 1
  const prefix = router?.lan?.network.replace(/0\/24$/, '') ?? `11.${i}.0.`
  const taken = new Set(plan.nodes.filter(other => other !== node).flatMap(({ ips, ip6 }) => [...ips, ip6]))
  const prefix6 = router?.lan?.network6.replace(/\/64$/, '') ?? `2a0b:beef:${hex(i)}::`
  const isFree = (first: number) =>
    !taken.has(`${prefix6}${first}`) &&
    Array.from({ length: count }, (_, n) => n).every(n => !taken.has(`${prefix}${first + n}`))
  let first = FIRST_HOST
  while (!isFree(first)) first++
  const ips = spec.ipv4 === false ? [] : Array.from({ length: count }, (_, n) => `${prefix}${first + n}`)
  return {
    ...node,
    behind,
    ips,
    ip: ips[0] ?? '',
    // where the router has none, nobody there has
    ip6: spec.ipv6 && (router === undefined || router.ip6 !== undefined) ? `${prefix6}${first}` : undefined,
    gateway: router?.lan?.ip ?? `11.${i}.0.1`,
    gateway6: router?.lan?.ip6 ?? `2a0b:beef:${hex(i)}::1`,
    publicIp: publicIpOf(nodes, router, `${prefix}${first}`)
  }
}

/** Pulls the cable out: no carrier, and neither address nor route, as when a DHCP client has noticed. Pure. */
export function unplugScript(node: PlannedNode): string {
  return [
    inside(node.behind ?? INTERNET, batch([`link set dev ${node.name} down`])),
    inside(node.name, withoutAddress(node))
  ].join('')
}

/** Puts it in again, elsewhere or where it was; the addresses come when the cable is there. Pure. */
export function plugScript(plan: Plan, from: PlannedNode, to: PlannedNode): string {
  const [here, there] = [from.behind ?? INTERNET, to.behind ?? INTERNET]
  const port =
    to.behind === undefined
      ? ipv6Switch(to.name, to.ip6) + batch(internetPort(plan, to))
      : ipv6Switch(to.name, undefined) + batch([routerPort(to), ...neighbours(plan, to, LAN)])
  // a move takes what the port knew with it
  const freed =
    here === there
      ? [`link set dev ${to.name} down`, `address flush dev ${to.name}`]
      : [`link set dev ${to.name} netns ${there}`]
  return [
    inside(here, batch(freed)),
    inside(to.name, withoutAddress(from)),
    inside(there, port),
    inside(to.name, carrierScript(uplinkOf(to)) + ipv6Script(uplinkOf(to), to.ip6) + batch(addressing(plan, to)))
  ].join('')
}

/** With its last address an interface loses its routes. */
function withoutAddress(node: PlannedNode): string {
  return batch([`address flush dev ${uplinkOf(node)}`])
}

function ipv6Script(uplink: string, ip6: string | undefined): string {
  const on = `echo 0 > /proc/sys/net/ipv6/conf/${uplink}/disable_ipv6\n`
  return ipv6Switch(uplink, undefined) + (ip6 === undefined ? '' : on + ipv6Switch(uplink, ip6))
}

function carrierScript(uplink: string): string {
  return `looks=0
until ip -o link show dev ${uplink} | grep -q 'state UP'; do
  looks=$((looks + 1)); [ $looks -le ${CARRIER_LOOKS} ]; sleep ${CARRIER_LOOK_SECONDS}
done
`
}
