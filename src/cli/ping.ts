import { NatError } from '../core/errors.ts'
import type { Node } from '../node/node.ts'
import { type Explanation, explanationIn, explanationOf } from '../traversal/explain.ts'
import { EXIT, explain, type Output } from './output.ts'
import { reportDirect, reportPath, reportPong, reportSummary, reportTimeline } from './ping-report.ts'
import { emptyResult, type PingResult, runPings } from './ping-run.ts'
import { type PeerArguments, startNode, stopNode } from './start-node.ts'
import { Stopped, stopSignal } from './stop-signal.ts'

export interface PingArguments extends PeerArguments {
  /** @default 4, or 1 until direct */
  readonly count?: number
  /** Seconds between two pings. */
  readonly interval: number
  readonly until: 'first' | 'direct'
  /** Seconds for everything. @default 30, and what the pings and their pauses take */
  readonly deadline?: number
  /** For people: every change of path, and when each step of the connect was done. */
  readonly verbose?: boolean
}

const DEFAULT_DEADLINE_SECONDS = 30

/** Reaches a peer and says how. @returns the exit code */
export async function ping(out: Output, peer: string, args: PingArguments): Promise<number> {
  const count = args.count ?? (args.until === 'direct' ? 1 : 4)
  const seconds = args.deadline ?? Math.min(1_000_000, DEFAULT_DEADLINE_SECONDS + count * args.interval)
  const stopped = stopSignal()
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(seconds * 1000)])
  const plan = { peer, count, intervalMs: args.interval * 1000, until: args.until }
  const result = emptyResult()
  let node: Node | undefined
  let code: number = EXIT.done
  let failure: unknown
  try {
    node = await startNode(args, signal)
    await runPings(
      node,
      plan,
      result,
      {
        pong: (seq, pong) => reportPong(out, seq, pong),
        direct: path => reportDirect(out, path),
        path: path => reportPath(out, path, args.verbose === true)
      },
      signal
    )
  } catch (error) {
    if (stopped.aborted) code = stoppedCode(args, result)
    else {
      failure = signal.aborted ? late(peer, args, result, seconds, error) : error
      code = explain(failure)
    }
  }
  if (args.verbose === true) reportTimeline(out, result.timeline)
  if (code !== EXIT.usage) {
    reportSummary(out, result, { explanation: explained(peer, result, failure), verbose: args.verbose === true })
  }
  if (node != null) await stopNode(node)
  return code
}

/** A connect that failed has no link to ask: what is known comes with its error. */
function explained(peer: string, { explanation }: PingResult, failure: unknown): Explanation {
  if (explanation?.path != null) return explanation
  const known = explanation ??
    explanationIn(failure) ?? { peer, path: null, mine: null, theirs: null, plan: [], attempts: [] }
  const error = failure instanceof NatError ? { code: failure.code, message: failure.message } : undefined
  return explanationOf({ ...known, ...(error == null ? {} : { error }) })
}

/** Stopped by hand, it has done what was asked if pings came back by the path that was wanted. */
function stoppedCode(args: PingArguments, result: PingResult): number {
  if (!result.connected) return EXIT.failed
  return args.until === 'direct' && result.msDirect == null ? EXIT.relayed : EXIT.done
}

/** The deadline has passed: what was there by then, and what was not. */
function late(peer: string, args: PingArguments, result: PingResult, seconds: number, error: unknown): Error {
  if (args.until === 'direct' && result.connected && result.msDirect == null) {
    return new NatError('STILL_RELAYED', `connected to ${peer}, but over a relay only, within ${seconds} s`)
  }
  if (error instanceof NatError && error.code !== 'TIMEOUT') return error
  if (error instanceof Stopped) return error
  const what = result.connected ? 'did not answer all pings' : 'did not answer'
  return new NatError(
    'TIMEOUT',
    `${peer} ${what} within ${seconds} s: is it up, and its hub? Or give it a longer --deadline`
  )
}
