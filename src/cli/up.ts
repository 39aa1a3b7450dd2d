import type { NetworkReachability } from '../libp2p/autonat/index.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import { endpointText } from '../nat/report.ts'
import { parseHubs } from '../node/hubs.ts'
import { defaultKeyFile } from '../node/key.ts'
import type { Link, LinkPathEvent } from '../node/link.ts'
import type { Node } from '../node/node.ts'
import type { HubRegistered } from '../node/rendezvous.ts'
import type { Mapped } from '../portmap/index.ts'
import { PATH_REASONS } from '../traversal/paths/api.ts'
import { EXIT, type Output } from './output.ts'
import { pathEvent } from './path-report.ts'
import { answerPerf } from './perf-protocol.ts'
import { answerPings } from './ping-protocol.ts'
import { type PeerArguments, startNode, stopNode } from './start-node.ts'
import { aborted, Stopped, stopSignal } from './stop-signal.ts'

export interface UpArguments extends PeerArguments {
  /** Whether the hubs were named for this run, so that others have to name one, too. */
  readonly isHubNamed: boolean
}

/** Stays reachable until it is stopped. @returns the exit code */
export async function up(out: Output, args: UpArguments): Promise<number> {
  const stopped = stopSignal()
  try {
    const node = await startNode({ ...args, key: args.key ?? defaultKeyFile('peer') }, stopped)
    await answerPings(node)
    await answerPerf(node)
    node.events.on('link', link => watch(out, link))
    out.event(
      { event: 'ready', id: node.id, addrs: node.addrs },
      `${out.colors.green('up')} ${node.id}\n${howToReach(out, node, args)}`
    )
    // not before, for the first line is for scripts that wait until others can come
    for (const mapped of node.mapped) showMapped(out, mapped)
    node.events.on('mapped', mapped => showMapped(out, mapped))
    node.events.on('reachability', reachability => showReachability(out, reachability))
    if (isKnown(node.reachability)) showReachability(out, node.reachability)
    const problems = new Set<string>()
    for (const registered of node.registered) showRegistered(out, registered, problems)
    node.events.on('registered', registered => showRegistered(out, registered, problems))
    await aborted(stopped)
    await stopNode(node)
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
  }
  return EXIT.done
}

/** The shortest command that works: by one hub, at which this peer is. Who has the same hubs by default needs to name none. */
function howToReach({ colors }: Output, { id, addrs }: Node, { hub, isHubNamed }: UpArguments): string {
  const isHere = (address: string) => {
    return addrs.some(each => each.includes(`/p2p/${lastPeer(parseHubs([address])[0]!)}/p2p-circuit`))
  }
  const named = `beeline ping ${id} --hub ${hub.find(isHere) ?? hub[0]}`
  if (isHubNamed) return `others reach it with: ${named}`
  return `others reach it with: beeline ping ${id}\n${colors.dim(`where these hubs are not the default: ${named}`)}`
}

function showMapped(out: Output, { protocol, by, external }: Mapped): void {
  const endpoint = endpointText(external)
  out.event(
    { event: 'mapped', protocol, by, external: endpoint },
    out.colors.dim(`the router has mapped ${protocol.toUpperCase()} ${endpoint} to this peer (${by})`)
  )
}

/** That it has worked is for programs only, unless people were told that it had not. @param problems the hubs of which they were */
function showRegistered(out: Output, { hub, ok, detail }: HubRegistered, problems: Set<string>): void {
  const isOver = ok && problems.delete(hub)
  if (!ok) problems.add(hub)
  const over = isOver ? out.colors.dim(`the hub ${hub} tells others where this peer is`) : undefined
  const problem = `the hub ${hub} does not tell others where this peer is: ${detail}`
  out.event(
    { event: 'registered', hub, ok, ...(detail == null ? {} : { detail }) },
    ok ? over : out.colors.dim(problem)
  )
}

function isKnown({ ip4, ip6 }: NetworkReachability): boolean {
  return ip4 !== 'unknown' || ip6 !== 'unknown'
}

function showReachability(out: Output, { ip4, ip6 }: NetworkReachability): void {
  const isPublic = ip4 === 'public' || ip6 === 'public'
  out.event(
    { event: 'reachability', ip4, ip6 },
    out.colors.dim(isPublic ? 'anybody can dial this peer' : 'nobody can dial this peer without punching')
  )
}

function watch(out: Output, link: Link): void {
  const { green, yellow, dim } = out.colors
  const show = (path: LinkPathEvent) => {
    const kind = (path.kind === 'direct' ? green : yellow)(path.kind.padEnd(6))
    const why = path.reason == null ? '' : dim(`  ${PATH_REASONS[path.reason]}`)
    out.event(
      { event: 'path', peer: link.peer, ...pathEvent(path) },
      `${link.peer}  ${kind} ${path.transport} ${path.remote}${why}`
    )
  }
  for (const path of link.history) show(path)
  link.events.on('path', show)
  link.events.on('close', () => out.event({ event: 'closed', peer: link.peer }, `${link.peer}  ${dim('gone')}`))
}
