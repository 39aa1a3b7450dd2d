import type { PrivateKey } from '@libp2p/interface'
import type { AllowPrivate } from '../core/ip.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import type { TechniqueName } from '../traversal/attempt.ts'
import type { Technique } from '../traversal/technique.ts'
import { type HubOption, hubAddresses, hubTokens } from './hub-tokens.ts'
import { isLoopbackHub, isPrivateHub, parseHubs } from './hubs.ts'
import { allowed, registered } from './registered.ts'

export interface NodeOptions {
  /** Addresses of hubs, each with its peer id; with a token where the hub is not open to all. No other hub is shown it. */
  readonly hubs: readonly HubOption[]
  /** The node's identity. @default a new one */
  readonly key?: PrivateKey
  /**
   * Offers peers our addresses too that are not public, and goes to theirs: `network` private ones, `true` also loopback. In
   * the open, a stranger could make this node send packets into its own network.
   *
   * @default 'network' when all hubs have private addresses, because their peers can have no others; else false
   */
  readonly allowPrivate?: AllowPrivate
  /** Techniques of one's own to get a direct path, at most 16: examples/technique.ts. @default none */
  readonly extraTechniques?: readonly Technique[]
  /**
   * What may be tried to get a direct path: `direct`, `local`, `reverse`, `punch-quic`, `punch-tcp`, `predict`, `birthday`, and the names of one's own.
   *
   * @default everything
   */
  readonly techniques?: readonly TechniqueName[]
  /**
   * Has the router map our ports (PCP, NAT-PMP, UPnP), which are then announced once a hub has reached us by them.
   *
   * @default true, unless all hubs are on this machine
   */
  readonly portMapping?: boolean
  /**
   * Looks for peers in the LAN by multicast DNS, and is found there: who listens in it hears our id and our addresses in it.
   *
   * @default true, unless all hubs are on this machine
   */
  readonly mdns?: boolean
  /**
   * Where it is kept which technique found a path between which networks (their public addresses), so that the next run of the program begins with it.
   *
   * @default nowhere: it is forgotten when the node stops
   */
  readonly memoryFile?: string
  /** Gives up starting. */
  readonly signal?: AbortSignal
}

/** What a node is started with: the options with their defaults, checked. @throws NatError BAD_ADDRESS, NO_HUB, BAD_OPTION */
export function settingsOf(options: NodeOptions) {
  const hubs = parseHubs(hubAddresses(options.hubs))
  const isOnThisMachine = hubs.every(isLoopbackHub)
  const all = registered(options.extraTechniques)
  return {
    hubs,
    tokenFor: hubTokens(options.hubs),
    hubIds: new Set(hubs.map(hub => String(lastPeer(hub)))),
    allowPrivate: options.allowPrivate ?? (hubs.every(isPrivateHub) ? 'network' : false),
    portMapping: options.portMapping ?? !isOnThisMachine,
    /** A hub on this machine's loopback sees nothing of the network. */
    examines: !isOnThisMachine,
    mdns: options.mdns ?? !isOnThisMachine,
    registered: all,
    techniques: allowed(options.techniques, all)
  } as const
}
