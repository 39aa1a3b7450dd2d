import { engineOf } from './engine.ts'
import { nat64Script, RESOLVER_SCRIPT } from './nat64/script.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { LAN, routerRules, WAN } from './rules.ts'
import type { RouterSpec } from './spec.ts'
import { INTERNET, isRouter, WIRE } from './spec.ts'
import { tunScript } from './tun/script.ts'

/** Where `ip netns` keeps its names; in a lab, a file system of its own. */
export const NAMES = '/run/netns'

/** A shaped link's two ends inside the wire's namespace: `near` the node, `far` on the side of the internet. */
export function wireEnds(plan: Plan, node: PlannedNode): { near: string; far: string } {
  const i = plan.nodes.indexOf(node) + 1
  return { near: `w${i}n`, far: `w${i}f` }
}

export function uplinkOf(node: PlannedNode): string {
  return node.kind === 'router' ? WAN : 'eth0'
}

/** The shell script that turns empty namespaces into a lab. Pure; `sh -e` runs it inside the keeper's namespaces. */
export function labScript(plan: Plan): string {
  const namespaces = [INTERNET, WIRE, ...plan.nodes.map(node => node.name)]
  return [
    plan.nodes.some(hasNat64) ? RESOLVER_SCRIPT : '',
    batch([...namespaces.map(name => `netns add ${name}`), ...plan.nodes.flatMap(node => cables(plan, node))]),
    inside(INTERNET, internetScript(plan)),
    inside(WIRE, wireScript(plan)),
    ...plan.nodes.map(node => inside(node.name, nodeScript(plan, node)))
  ].join('')
}

/** A veth pair from the node to the port upstream; when shaped, two of them that end at the wire. */
function cables(plan: Plan, node: PlannedNode): string[] {
  const near = `${uplinkOf(node)} netns ${node.name} address ${uplinkMac(plan, node)}`
  const far = `${node.name} netns ${node.behind ?? INTERNET} address ${portMac(plan, node)}`
  if (!node.link) return [`link add name ${near} type veth peer name ${far}`]
  const ends = wireEnds(plan, node)
  return [
    `link add name ${near} type veth peer name ${ends.near} netns ${WIRE}`,
    `link add name ${far} type veth peer name ${ends.far} netns ${WIRE}`
  ]
}

function internetScript(plan: Plan): string {
  const ports = plan.nodes.filter(node => node.behind === undefined)
  return [
    FORWARDING,
    // as an internet does: what has no route is lost without a word
    batch(['link set lo up', 'route add blackhole default', 'route add blackhole ::/0']),
    ...ports.map(node => ipv6Switch(node.name, node.ip6)),
    batch([
      ...ports.flatMap(node => internetPort(plan, node)),
      ...plan.routes.map(({ network, via }) => `route add ${network} via ${via}`)
    ])
  ].join('')
}

/** The internet's side of a cable: a network of its own, of which it is the gateway. */
export function internetPort(plan: Plan, node: PlannedNode): string[] {
  return [
    `link set dev ${node.name} up${segmentation(node)}`,
    `address add ${node.gateway}/24 dev ${node.name}`,
    ...(node.ip6 ? [`address add ${node.gateway6}/64 dev ${node.name} nodad`] : []),
    ...neighbours(plan, node, node.name)
  ]
}

/** A router's side of a cable. */
export function routerPort(node: PlannedNode): string {
  return `link set dev ${node.name} up master ${LAN}${segmentation(node)}`
}

function wireScript(plan: Plan): string {
  const ends = plan.nodes.filter(node => node.link).flatMap(node => Object.values(wireEnds(plan, node)))
  return [...ends.map(end => ipv6Switch(end, undefined)), batch(ends.map(end => `link set dev ${end} up`))].join('')
}

function nodeScript(plan: Plan, node: PlannedNode): string {
  const uplink = uplinkOf(node)
  const router = node.kind === 'router' ? routerScript(plan, node) : ''
  return [
    ipv6Switch(uplink, node.ip6),
    batch(['link set lo up', `link set dev ${uplink} up${segmentation(node)}`, ...addressing(plan, node)]),
    router
  ].join('')
}

/** What a host or router is given at its uplink: addresses, and the way out. */
export function addressing(plan: Plan, node: PlannedNode): string[] {
  const uplink = uplinkOf(node)
  const gatewayMac = node.behind === undefined ? portMac(plan, node) : bridgeMac(plan, node.behind)
  return [
    ...node.ips.map(ip => `address add ${ip}/24 dev ${uplink}`),
    `neigh replace ${node.gateway} lladdr ${gatewayMac} dev ${uplink} nud permanent`,
    ...(node.ips.length > 0 ? [`route add default via ${node.gateway}`] : []),
    ...(node.ip6
      ? [
          `address add ${node.ip6}/64 dev ${uplink} nodad`,
          `neigh replace ${node.gateway6} lladdr ${gatewayMac} dev ${uplink} nud permanent`,
          `route add ::/0 via ${node.gateway6}`
        ]
      : [])
  ]
}

function routerScript(plan: Plan, node: PlannedNode): string {
  const lan = node.lan!
  const ports = plan.nodes.filter(other => other.behind === node.name)
  return [
    FORWARDING,
    batch([`link add ${LAN} address ${bridgeMac(plan, node.name)} type bridge`]),
    ipv6Switch(LAN, node.ip6),
    ...ports.map(port => ipv6Switch(port.name, undefined)),
    batch([
      `address add ${lan.ip}/24 dev ${LAN}`,
      ...(node.ip6 ? [`address add ${lan.ip6}/64 dev ${LAN} nodad`] : []),
      ...ports.map(routerPort),
      `link set dev ${LAN} up`,
      ...ports.flatMap(port => neighbours(plan, port, LAN)),
      ...node.routes.map(({ network, via }) => `route add ${network} via ${via}`)
    ]),
    engineOf(node.spec as RouterSpec) === 'sim' ? simNat(node) : kernelNat(node)
  ].join('')
}

function kernelNat(node: PlannedNode): string {
  const seconds = (node.spec as RouterSpec).mappingLifetimeSeconds
  return [
    `nft -f - <<'NFT'\n${routerRules(node)}NFT\n`,
    seconds === undefined
      ? ''
      : ['udp_timeout', 'udp_timeout_stream']
          .map(name => `echo ${seconds} > /proc/sys/net/netfilter/nf_conntrack_${name}\n`)
          .join(''),
    hasNat64(node) ? nat64Script(node) : ''
  ].join('')
}

/** Of a router, and where anything behind it could use it. */
export function hasNat64(node: PlannedNode): boolean {
  return isRouter(node.spec) && node.spec.nat64 === true && node.ip6 !== undefined
}

function simNat(node: PlannedNode): string {
  const { ip, ip6, settings } = tunScript(node)
  return [batch(ip), batch(ip6, '-6 '), settings].join('')
}

/** Addresses that do not have to be asked for: else the first packet over a link of 20 ms waits another 40 ms for ARP. */
export function neighbours(plan: Plan, node: PlannedNode, device: string): string[] {
  return [...node.ips, ...(node.ip6 ? [node.ip6] : [])].map(
    ip => `neigh replace ${ip} lladdr ${uplinkMac(plan, node)} dev ${device} nud permanent`
  )
}

/** Over a shaped link every packet counts by itself, so the kernel must not hand over several as one (GSO). */
function segmentation(node: PlannedNode): string {
  return node.link ? ' gso_max_segs 1' : ''
}

/**
 * Redirects would teach two hosts behind one router a way around it. Where the kernel has its bridge filter, the bridge itself would pass on
 * what is translated back to its side, and never to the port that it came by: a host would not reach itself by hairpinning.
 */
const FORWARDING = `echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
echo 0 > /proc/sys/net/ipv4/conf/default/send_redirects
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
  echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables
  echo 0 > /proc/sys/net/bridge/bridge-nf-call-ip6tables
fi
`

/** While the interface is down: without IPv6 there is not even a link-local address, and with it no waiting for DAD. */
export function ipv6Switch(device: string, ip6: string | undefined): string {
  const conf = `/proc/sys/net/ipv6/conf/${device}`
  return ip6 === undefined ? `echo 1 > ${conf}/disable_ipv6\n` : `echo 0 > ${conf}/accept_dad\n`
}

export function inside(namespace: string, script: string): string {
  return `nsenter --net=${NAMES}/${namespace} sh -e <<'INSIDE'\n${script}INSIDE\n`
}

export function batch(commands: string[], family = ''): string {
  return commands.length === 0 ? '' : `ip ${family}-batch - <<'BATCH'\n${commands.join('\n')}\nBATCH\n`
}

/** 02 is the bit of locally administered addresses; then a role, then the node's number. */
function uplinkMac(plan: Plan, node: PlannedNode): string {
  return mac(1, plan, node.name)
}

function portMac(plan: Plan, node: PlannedNode): string {
  return mac(2, plan, node.name)
}

function bridgeMac(plan: Plan, router: string): string {
  return mac(3, plan, router)
}

function mac(role: number, plan: Plan, name: string): string {
  const number = (plan.nodes.findIndex(node => node.name === name) + 1).toString(16).padStart(2, '0')
  return `02:00:00:00:0${role}:${number}`
}
