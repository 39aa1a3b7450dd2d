import colors from 'picocolors'
import { realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import { loadKey } from '../node/key.ts'
import { createNode } from '../node/node.ts'
import type { Attempt } from '../traversal/attempt.ts'
import { EXIT, explain, type Output } from './output.ts'
import { Pinger } from './ping-protocol.ts'

export interface PingArguments {
  readonly hub: readonly string[]
  readonly key?: string
  readonly count?: number
  readonly interval: number
  readonly until: 'first' | 'direct'
  readonly deadline: number
}

/** While a direct path is awaited, pings go this often, so that it is seen at once. */
const EAGER_MS = 10

interface Result {
  connected: boolean
  msFirstByte: number | null
  msDirect: number | null
}

/** @returns the exit code */
export async function ping(out: Output, peer: string, args: PingArguments): Promise<number> {
  const node = await createNode({ hubs: args.hub, ...(args.key == null ? {} : { key: await loadKey(args.key) }) })
  const deadline = AbortSignal.timeout(args.deadline * 1000)
  const result: Result = { connected: false, msFirstByte: null, msDirect: null }
  let attempts: readonly Attempt[] = []
  let code: number = EXIT.failed
  try {
    const startMs = performance.now()
    const link = await node.connect(peer, { signal: deadline })
    attempts = link.attempts
    const pinger = new Pinger(link)
    const count = args.count ?? (args.until === 'direct' ? 1 : 4)
    const counts = () => (args.until === 'direct' ? result.msDirect != null : true)
    for (let seq = 1, counted = 0; counted < count; seq++) {
      const { rttMs, path } = await pinger.ping(deadline)
      result.connected = true
      result.msFirstByte ??= round(performance.now() - startMs)
      if (path.kind === 'direct' && result.msDirect == null) {
        result.msDirect = round(performance.now() - startMs)
        if (seq > 1)
          out.event(
            { event: 'direct', remote: path.remote },
            colors.green(`── direct now: ${path.transport} ${path.remote}`)
          )
      }
      const shown = path.kind === 'direct' ? colors.green('direct') : colors.yellow('relay ')
      out.event(
        { event: 'pong', seq, path: path.kind, transport: path.transport, remote: path.remote, rttMs: round(rttMs) },
        `${String(seq).padStart(4)}  ${shown} ${path.transport.padEnd(4)} ${path.remote.padEnd(24)} ${rttMs.toFixed(1)} ms`
      )
      if (counts()) counted++
      if (counted < count) await sleep(realClock, counts() ? args.interval * 1000 : EAGER_MS, deadline)
    }
    await pinger.close()
    code = EXIT.done
  } catch (error) {
    if (result.connected && args.until === 'direct' && result.msDirect == null) {
      code = explain(
        new NatError('STILL_RELAYED', `connected to ${peer}, but only over a relay, within ${args.deadline} s`)
      )
    } else
      code = explain(
        deadline.aborted ? new NatError('TIMEOUT', `${peer} did not answer within ${args.deadline} s`) : error
      )
  }
  summarize(out, result, attempts)
  await node.stop()
  return code
}

function summarize(out: Output, result: Result, attempts: readonly Attempt[]): void {
  const direct = result.msDirect != null
  const technique =
    attempts.findLast(({ outcome }) => outcome === 'ok')?.technique ?? (result.connected ? 'relay' : null)
  const tried = attempts.map(({ technique, outcome, reason, ms }) => ({ technique, outcome, reason, ms: round(ms) }))
  const lines = tried.map(each => `      ${each.technique}: ${each.outcome}, ${each.reason} (${each.ms} ms)`)
  const head = result.connected
    ? `${direct ? colors.green('direct') : colors.yellow('relayed')}: first byte after ${result.msFirstByte} ms${direct ? `, direct after ${result.msDirect} ms` : ''}`
    : colors.red('not connected')
  out.event(
    {
      event: 'summary',
      connected: result.connected,
      direct,
      technique,
      msFirstByte: result.msFirstByte,
      msDirect: result.msDirect,
      attempts: tried
    },
    [head, ...lines].join('\n')
  )
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}
