import { DEPENDENCES } from '../src/core/behaviour.ts'
import { checkEngine, SIM_WORDS } from './engine.ts'
import {
  type HostSpec,
  INTERNET,
  isRouter,
  type LabSpec,
  type LinkSpec,
  type Mapping,
  type RouterSpec,
  type Unsolicited,
  WIRE
} from './spec.ts'

/** Names become names of network interfaces, which the kernel limits to 15 bytes, and of files. */
const NAME = /^[a-z][a-z0-9-]{0,14}$/i
/** Beside those, interfaces of a router (its ports are called as the nodes at their other ends), and what sysctl calls them all. */
const TAKEN = [INTERNET, WIRE, 'lo', 'wan', 'lan', 'all', 'default']
const MAX_NODES = 200

const ROUTER_KEYS = [
  'behind',
  'link',
  'ipv6',
  'mapping',
  'blockUdp',
  'hairpin',
  'unsolicited',
  'mappingLifetimeSeconds',
  'engine',
  'nat64',
  ...SIM_WORDS
] as const satisfies (keyof RouterSpec)[]
const HOST_KEYS = ['behind', 'link', 'ipv6', 'addresses', 'ipv4'] as const satisfies (keyof HostSpec)[]
const MAPPINGS: readonly string[] = [...DEPENDENCES, 'none'] satisfies readonly Mapping[]

const UNSOLICITED: readonly string[] = ['drop', 'reset', 'accept'] satisfies readonly Unsolicited[]

/** @throws Error that names the node and what is wrong with it */
export function checkSpec(spec: LabSpec): void {
  const names = Object.keys(spec)
  if (names.length === 0 || names.length > MAX_NODES) throw new Error(`a lab has 1 to ${MAX_NODES} nodes`)
  for (const [name, node] of Object.entries(spec)) {
    const wrong = (what: string) => new Error(`lab node '${name}': ${what}`)
    if (!NAME.test(name)) throw wrong('a name is a letter, then up to 14 letters, digits or hyphens')
    if (TAKEN.includes(name.toLowerCase())) throw wrong('the name is taken by the lab itself')
    const known: readonly string[] = isRouter(node) ? ROUTER_KEYS : HOST_KEYS
    const unknown = Object.keys(node).find(key => !known.includes(key))
    if (unknown) throw wrong(`there is no option '${unknown}', only ${known.join(', ')}`)
    for (let at = node.behind, steps = 0; at !== undefined; at = spec[at]!.behind) {
      const router = spec[at]
      if (!router || !isRouter(router)) throw wrong(`it is behind '${at}', which is not a router of this lab`)
      if (++steps > names.length) throw wrong('it is behind itself')
    }
    if (node.link) checkLink(node.link, wrong)
    if (isRouter(node)) {
      if (!MAPPINGS.includes(node.mapping)) throw wrong(`mapping is ${MAPPINGS.join(', ')}; not '${node.mapping}'`)
      if (!UNSOLICITED.includes(node.unsolicited ?? 'drop')) throw wrong(`unsolicited is ${UNSOLICITED.join(', ')}`)
      const seconds = node.mappingLifetimeSeconds ?? 1
      if (!Number.isInteger(seconds) || seconds < 1) throw wrong('mappingLifetimeSeconds is a whole number from 1')
      checkEngine(node, wrong)
    } else if (node.addresses !== undefined && !(node.addresses >= 1 && node.addresses <= 16)) {
      throw wrong('addresses is 1 to 16')
    } else if (node.ipv4 === false && !node.ipv6) {
      throw wrong('it has neither IPv4 nor IPv6')
    }
  }
}

/** @throws what `wrong` makes of the reason */
export function checkLink(link: LinkSpec, wrong: (what: string) => Error): void {
  const limits = { delayMs: 10_000, jitterMs: 10_000, lossPercent: 100, rateMbit: 100_000 }
  for (const [key, value] of Object.entries(link)) {
    const limit = limits[key as keyof typeof limits]
    if (limit === undefined) throw wrong(`a link has no '${key}', only ${Object.keys(limits).join(', ')}`)
    if (!(value >= 0 && value <= limit)) throw wrong(`${key} is 0 to ${limit}`)
  }
  if (link.rateMbit === 0) throw wrong('rateMbit is more than 0; lossPercent: 100 cuts a link')
}
