import { NatError } from '../core/errors.ts'
import type { LinkPath } from '../node/path.ts'
import { EXIT, explain, type Output } from './output.ts'
import { measure, type PerfResult } from './perf-protocol.ts'
import { connectTo, type PeerArguments, startNode, stopNode } from './start-node.ts'
import { stopSignal } from './stop-signal.ts'

export interface PerfArguments extends PeerArguments {
  /** Megabytes: 10^6 bytes. */
  readonly mb: number
  readonly until: 'first' | 'direct'
  readonly transport?: 'quic' | 'tcp'
  /** Seconds until the connection is there; the transfer itself may take as long as bytes move. */
  readonly deadline: number
}

const BYTES_PER_MB = 1_000_000
/** A progress line more often than this is a blur. */
const PROGRESS_MS = 100

/** Sends bytes to a peer and tells how fast they went. @returns the exit code */
export async function perf(out: Output, peer: string, args: PerfArguments): Promise<number> {
  const stopped = stopSignal()
  const connecting = AbortSignal.any([stopped, AbortSignal.timeout(args.deadline * 1000)])
  let node: Awaited<ReturnType<typeof startNode>> | undefined
  try {
    node = await startNode(args, connecting)
    const link = await connectTo(node, peer, { signal: connecting, until: args.until })
    const result = await measure(link, args.mb * BYTES_PER_MB, stopped, progress(out, args.mb))
    asAsked(args, result.path)
    report(out, args.mb, result)
    return EXIT.done
  } catch (error) {
    const late = connecting.aborted && !stopped.aborted && !(error instanceof NatError)
    return explain(late ? new NatError('TIMEOUT', `${peer} was not reached within ${args.deadline} s`) : error)
  } finally {
    if (node != null) await stopNode(node)
  }
}

/** The path may have changed between the connect and the stream. @throws NatError STILL_RELAYED */
function asAsked(args: PerfArguments, { kind, transport }: LinkPath): void {
  if (args.until === 'direct' && kind !== 'direct') {
    throw new NatError('STILL_RELAYED', 'the direct path was gone before the bytes were sent: try again')
  }
  if (args.transport != null && args.transport !== transport) {
    throw new NatError('STILL_RELAYED', `connected by ${transport}, not by ${args.transport}: add --until direct`)
  }
}

function progress(out: Output, mb: number): (sent: number) => void {
  const startMs = performance.now()
  let shownMs = startMs
  return sent => {
    const nowMs = performance.now()
    if (nowMs - shownMs < PROGRESS_MS) return
    shownMs = nowMs
    const sentMb = sent / BYTES_PER_MB
    const rate = (sentMb / (nowMs - startMs)) * 1000
    out.progress(`${sentMb.toFixed(0).padStart(6)} of ${mb} MB   ${rate.toFixed(1)} MB/s`)
  }
}

function report(out: Output, mb: number, { path, ms }: PerfResult): void {
  const rate = round((mb / ms) * 1000)
  const shown = path.kind === 'direct' ? out.colors.green('direct') : out.colors.yellow('relay')
  out.event(
    {
      event: 'perf',
      path: path.kind,
      transport: path.transport,
      MBps: rate,
      MB: mb,
      seconds: round(ms / 1000),
      remote: path.remote
    },
    `${mb} MB in ${(ms / 1000).toFixed(2)} s: ${out.colors.bold(`${rate} MB/s`)}   ${shown} ${path.transport} ${path.remote}`
  )
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}
