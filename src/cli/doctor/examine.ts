import type { Multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'
import { lastPeer } from '../../libp2p/circuit/address.ts'
import { examine } from '../../nat/examine.ts'
import type { NetworkReport } from '../../nat/report.ts'
import { stunServers } from '../../node/examine.ts'
import { isLoopbackHub, parseHubs } from '../../node/hubs.ts'
import { probePortMapping } from '../../portmap/index.ts'
import { systemHost } from '../../socket/system/host.ts'
import { startNode, stopNode } from '../start-node.ts'
import { Stopped } from '../stop-signal.ts'

export interface DoctorArguments {
  readonly hub?: readonly string[]
  readonly key?: string
  readonly full?: boolean
  /** Seconds for everything. */
  readonly deadline?: number
}

export interface ExamineOptions {
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

export interface Examination {
  readonly report: NetworkReport
  /** Why no hub could be asked for more than STUN. */
  readonly failure?: unknown
}

/** A hub that has not answered by then counts as one that does not: what is known without it is worth more than waiting. */
const START_MS = 5_000

/**
 * Asks the hubs; without them, and where none of them answers, everybody else who can tell something.
 *
 * @throws NatError BAD_ADDRESS, BAD_KEY; the signal's reason
 */
export async function examineNetwork(args: DoctorArguments, options: ExamineOptions): Promise<Examination> {
  if (args.hub == null) return { report: await examineAlone([], args, options) }
  const hubs = parseHubs(args.hub)
  options.onProgress('looking for the hubs')
  const starting = AbortSignal.any([options.signal, AbortSignal.timeout(START_MS)])
  let node: Awaited<ReturnType<typeof startNode>>
  try {
    node = await startNode({ ...args, hub: args.hub }, starting)
  } catch (failure) {
    if (failure instanceof Stopped || (failure instanceof NatError && USAGE.has(failure.code))) throw failure
    return { report: await examineAlone(hubs, args, options), failure }
  }
  try {
    return { report: await node.examine({ ...options, full: args.full === true }) }
  } finally {
    await stopNode(node)
  }
}

const USAGE: ReadonlySet<string> = new Set(['BAD_ADDRESS', 'BAD_KEY'])

/** Without a node: no hub dials us, and what a hub's STUN server may still say is no answer of the hub itself. */
async function examineAlone(
  hubs: readonly Multiaddr[],
  { full }: DoctorArguments,
  options: ExamineOptions
): Promise<NetworkReport> {
  options.onProgress(hubs.length === 0 ? 'asking the router' : 'no hub answers; asking everybody else')
  const found = await examine({
    signal: options.signal,
    host: systemHost,
    servers: stunServers(hubs),
    full: full === true,
    ...(hubs.length > 0 && hubs.every(isLoopbackHub)
      ? {}
      : { portMapping: probePortMapping(systemHost, options.signal) }),
    environment: process.env
  })
  const ids = [...new Set(hubs.map(hub => String(lastPeer(hub))))]
  return { ...found, reachability: 'unknown', addresses: [], hubs: ids.map(id => ({ id, rttMs: null })) }
}
