import type { Multiaddr } from '@multiformats/multiaddr'
import { realClock, sleep } from '../../core/clock.ts'
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
  /** As for other commands. */
  readonly token?: readonly string[]
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
/** Hubs mostly answer by then. From then on everybody else is asked as well, so that silent hubs do not make a quick report late. */
const PROMPT_MS = 600
/** A person waits five seconds, from the start of the program to its end. */
const REPORT_MS = 4_700
/** That UDP is blocked is known after three seconds (nat/patience.ts): on a busy machine that is worth being late for. */
const LEAST_MS = 3_200

/**
 * Asks the hubs; without them, and where none of them answers, everybody else who can tell something.
 *
 * @throws NatError BAD_ADDRESS, BAD_KEY; the signal's reason
 */
export async function examineNetwork(args: DoctorArguments, options: ExamineOptions): Promise<Examination> {
  if (args.hub == null) return { report: await examineAlone([], args, options) }
  const hubs = parseHubs(args.hub)
  options.onProgress('looking for the hubs')
  const without = new AbortController()
  const silent = new AbortController()
  const alone = args.full === true ? undefined : examineMeanwhile(hubs, args, options, without.signal)
  alone?.then(
    () => silent.abort(new NatError('TIMEOUT', 'no hub within the time of a quick report')),
    () => {}
  )
  let node: Awaited<ReturnType<typeof startNode>>
  try {
    const limits = [options.signal, silent.signal, AbortSignal.timeout(START_MS)]
    node = await startNode({ ...args, hub: args.hub }, AbortSignal.any(limits))
  } catch (failure) {
    if (failure instanceof Stopped || (failure instanceof NatError && USAGE.has(failure.code))) {
      without.abort(failure)
      throw failure
    }
    return { report: await (alone ?? examineAlone(hubs, args, options)), failure }
  }
  without.abort(new NatError('TIMEOUT', 'a hub has answered'))
  try {
    return { report: await node.examine({ ...options, ...within(args) }) }
  } finally {
    await stopNode(node)
  }
}

const USAGE: ReadonlySet<string> = new Set(['BAD_ADDRESS', 'BAD_OPTION', 'BAD_KEY'])

/** What is left of the time, unless time does not matter. */
function within({ full }: DoctorArguments) {
  return full === true ? { full } : { withinMs: Math.max(LEAST_MS, REPORT_MS - performance.now()) }
}

async function examineMeanwhile(
  hubs: readonly Multiaddr[],
  args: DoctorArguments,
  options: ExamineOptions,
  found: AbortSignal
): Promise<NetworkReport> {
  const signal = AbortSignal.any([options.signal, found])
  await sleep(realClock, PROMPT_MS, signal)
  return await examineAlone(hubs, args, { ...options, signal })
}

/** Without a node: no hub dials us, and what a hub's STUN server may still say is no answer of the hub itself. */
async function examineAlone(
  hubs: readonly Multiaddr[],
  args: DoctorArguments,
  options: ExamineOptions
): Promise<NetworkReport> {
  options.onProgress(hubs.length === 0 ? 'asking the router' : 'no hub answers so far; asking everybody else')
  const found = await examine({
    signal: options.signal,
    host: systemHost,
    servers: stunServers(hubs),
    ...within(args),
    ...(hubs.length > 0 && hubs.every(isLoopbackHub)
      ? {}
      : { portMapping: probePortMapping(systemHost, options.signal) }),
    environment: process.env
  })
  const ids = [...new Set(hubs.map(hub => String(lastPeer(hub))))]
  return { ...found, reachability: 'unknown', addresses: [], hubs: ids.map(id => ({ id, rttMs: null })) }
}
