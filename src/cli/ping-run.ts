import { realClock, sleep } from '../core/clock.ts'
import { NatError } from '../core/errors.ts'
import type { TimelineEntry } from '../libp2p/timeline.ts'
import type { Link, LinkPathEvent } from '../node/link.ts'
import type { Node } from '../node/node.ts'
import type { LinkPath } from '../node/path.ts'
import type { Attempt } from '../traversal/attempt.ts'
import type { Explanation } from '../traversal/explain.ts'
import { Pinger, type Pong } from './ping-protocol.ts'
import { connectTo } from './start-node.ts'

export interface PingPlan {
  readonly peer: string
  /** Pings that count: with `until: 'direct'`, those over a direct path. */
  readonly count: number
  readonly intervalMs: number
  readonly until: 'first' | 'direct'
}

export interface PingListener {
  pong(seq: number, pong: Pong): void
  /** The path went from the relay to direct. */
  direct(path: LinkPath): void
  /** The link goes by another path. */
  path(path: LinkPathEvent): void
}

/** What is known so far; a run that is cut short leaves it as it is. */
export interface PingResult {
  connected: boolean
  /** Milliseconds from the start of the connect to the first pong, and to the first over a direct path. */
  msFirstByte: number | null
  msDirect: number | null
  /** Of the last pong. */
  path: LinkPath | null
  readonly attempts: Attempt[]
  /** When each step of the connect was done. */
  timeline: readonly TimelineEntry[]
  /** Of the last link; null when there never was one. */
  explanation: Explanation | null
}

/** How long the attempt that led to a direct path may be on its way to us, after the path itself. */
const ATTEMPT_MS = 1_000

export function emptyResult(): PingResult {
  return {
    connected: false,
    msFirstByte: null,
    msDirect: null,
    path: null,
    attempts: [],
    timeline: [],
    explanation: null
  }
}

/**
 * Connects and pings, and keeps `result` up to date all along.
 *
 * @throws NatError as `node.connect`; STILL_RELAYED as soon as it is certain; the signal's reason
 */
export async function runPings(
  node: Node,
  plan: PingPlan,
  result: PingResult,
  listener: PingListener,
  signal: AbortSignal
): Promise<void> {
  const startMs = performance.now()
  const links = new Set<Link>()
  const wake = new Wake()
  const hold = (link: Link): Link => {
    if (!links.has(link)) {
      for (const path of link.history) listener.path(path)
      link.events.on('path', path => {
        listener.path(path)
        wake.now()
      })
      links.add(link)
    }
    return link
  }
  try {
    const link = hold(await connectTo(node, plan.peer, { signal }))
    const upgrade = watchUpgrade(node, plan, signal, wake)
    const pinger = new Pinger(link, async limit => hold(await connectTo(node, plan.peer, { signal: limit })))
    for (let seq = 1, counted = 0; ; seq++) {
      const pong = await pinger.ping(signal)
      const first = note(result, pong, performance.now() - startMs)
      if (first && seq > 1) listener.direct(pong.path)
      listener.pong(seq, pong)
      const counts = plan.until === 'first' || result.msDirect != null
      if (counts && ++counted >= plan.count) break
      if (!counts && upgrade.failure != null) throw upgrade.failure
      const nextMs = performance.now() + plan.intervalMs
      // the first direct path is timed by a ping at once. That it may not come any more is heard at once, too, where it is waited for
      const isTimed = () => result.msDirect == null && pinger.path?.kind === 'direct'
      while (!isTimed() && performance.now() < nextMs) {
        await wake.or(sleep(realClock, nextMs - performance.now(), signal))
        if (!counts) break
      }
    }
    await pinger.close()
    await upgrade.settled(ATTEMPT_MS)
  } finally {
    for (const link of links) {
      result.attempts.push(...link.attempts.filter(isTold))
      if (link.timeline.length > 0) result.timeline = link.timeline
      result.explanation = link.explain()
    }
  }
}

/** @returns whether it is the first one over a direct path */
function note(result: PingResult, { path }: Pong, ms: number): boolean {
  result.connected = true
  result.path = path
  result.msFirstByte ??= ms
  if (path.kind !== 'direct' || result.msDirect != null) return false
  result.msDirect = ms
  return true
}

/** What `node.connect` says to a direct path, beside the pings: that it is proved, or that there will be none. */
function watchUpgrade(node: Node, plan: PingPlan, signal: AbortSignal, wake: Wake) {
  const over = new AbortController()
  const watch: { failure?: NatError; settled(ms: number): Promise<void> } = {
    async settled(ms) {
      await Promise.race([upgraded, sleep(realClock, ms)])
      over.abort(new NatError('LINK_CLOSED', 'the pings are done'))
    }
  }
  const upgraded = connectTo(node, plan.peer, { signal: AbortSignal.any([signal, over.signal]), until: 'direct' }).then(
    () => wake.now(),
    error => {
      // anything else than the last word (a deadline of its own, which is the cause then, or a link that broke) leaves hope
      if (error instanceof NatError && error.code === 'STILL_RELAYED' && error.cause == null) watch.failure = error
      wake.now()
    }
  )
  return watch
}

/** Cuts a pause short. */
class Wake {
  #waiting: (() => void) | undefined

  now(): void {
    this.#waiting?.()
  }

  async or(pause: Promise<void>): Promise<void> {
    await Promise.race([
      pause,
      new Promise<void>(resolve => {
        this.#waiting = resolve
      })
    ])
  }
}

/** What was done to get a direct path: the relay is there before, and what nobody wanted is in the explanation. */
function isTold({ technique, reason }: Attempt): boolean {
  return technique !== 'relay' && reason !== 'not-allowed'
}
