import { natBehaviour } from './nat/behaviour.ts'
import { NAT_KEYS, natOptions } from './nat-options.ts'
import { type HostSpec, isRouter, type LinkSpec, type RouterSpec, type SimSpec, uplinksOf } from './spec.ts'

/** Addresses have a byte for the node's number. */
const MAX_NODES = 200
const MAX_UPLINKS = 8
const MAX_ADDRESSES = 16
const NAME = /^[a-z][a-z0-9-]{0,14}$/i
const NODE_KEYS = ['behind', 'link', 'uplinks', 'ipv6', 'addresses']
const HOST_KEYS = [...NODE_KEYS, 'ipv4']
const ROUTER_KEYS = [...NODE_KEYS, ...NAT_KEYS, 'mappingLifetimeSeconds', 'nat66', 'nat64', 'balance', 'engine']
const LINK_LIMITS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  delayMs: [0, 10_000],
  jitterMs: [0, 10_000],
  lossPercent: [0, 100],
  reorderPercent: [0, 100],
  rateMbit: [0.001, 100_000],
  mtu: [68, 65_535]
}

/** @throws RangeError that names the node and what is wrong with it */
export function checkSpec(spec: SimSpec): void {
  const names = Object.keys(spec)
  if (names.length === 0 || names.length > MAX_NODES) throw new RangeError(`a network has 1 to ${MAX_NODES} nodes`)
  for (const name of names) checkNode(spec, name)
}

function checkNode(spec: SimSpec, name: string): void {
  const node = spec[name]!
  const wrong = (what: string) => new RangeError(`node '${name}': ${what}`)
  if (!NAME.test(name)) throw wrong('a name is a letter, then up to 14 letters, digits or hyphens')
  if (node.uplinks && (node.behind ?? node.link) !== undefined) throw wrong('uplinks is in place of behind and link')
  const uplinks = uplinksOf(node)
  if (uplinks.length < 1 || uplinks.length > MAX_UPLINKS) throw wrong(`it has 1 to ${MAX_UPLINKS} uplinks`)
  for (const { behind, link } of uplinks) {
    if (behind !== undefined) checkBehind(spec, name, behind, wrong)
    if (link) checkLink(link, wrong)
  }
  const { addresses = 1 } = node
  if (!(Number.isInteger(addresses) && addresses >= 1 && addresses <= MAX_ADDRESSES)) {
    throw wrong(`addresses is 1 to ${MAX_ADDRESSES}`)
  }
  const known = isRouter(node) ? ROUTER_KEYS : HOST_KEYS
  const unknown = Object.keys(node).find(key => !known.includes(key))
  if (unknown) throw wrong(`there is no option '${unknown}', only ${known.join(', ')}`)
  if (isRouter(node)) checkRouter(node, wrong)
  else checkHost(node, wrong)
}

function checkHost(node: HostSpec, wrong: (what: string) => Error): void {
  if (node.ipv4 === false && node.ipv6 !== true) throw wrong('it has neither IPv4 nor IPv6')
}

function checkRouter(node: RouterSpec, wrong: (what: string) => Error): void {
  if (node.unsolicited === 'accept') throw wrong("only routers of the kernel lab can do unsolicited: 'accept'")
  const seconds = node.mappingLifetimeSeconds ?? 1
  if (!(seconds > 0)) throw wrong('mappingLifetimeSeconds is above 0')
  if (node.balance != null && !['destination', 'connection'].includes(node.balance)) {
    throw wrong(`balance is destination or connection; not '${node.balance}'`)
  }
  try {
    natBehaviour(natOptions(node))
  } catch (error) {
    throw wrong((error as Error).message)
  }
}

function checkBehind(spec: SimSpec, name: string, first: string, wrong: (what: string) => Error): void {
  const seen = new Set<string>()
  const waiting = [first]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const router = spec[at]
    if (!router || !isRouter(router)) throw wrong(`it is behind '${at}', which is not a router of this network`)
    if (at === name) throw wrong('it is behind itself')
    if (seen.has(at)) continue
    seen.add(at)
    for (const { behind } of uplinksOf(router)) if (behind !== undefined) waiting.push(behind)
  }
}

/** @throws what `wrong` makes of the reason */
export function checkLink(link: LinkSpec, wrong: (what: string) => Error): void {
  for (const [key, value] of Object.entries(link)) {
    if (key === 'blackHole') continue
    const limits = LINK_LIMITS[key]
    if (!limits) throw wrong(`a link has no '${key}', only ${Object.keys(LINK_LIMITS).join(', ')}, blackHole`)
    const [min, max] = limits
    if (!(value >= min && value <= max)) throw wrong(`${key} is ${min} to ${max}`)
  }
}
