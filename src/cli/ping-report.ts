import { STEPS, type TimelineEntry } from '../libp2p/timeline.ts'
import { foundBy } from '../node/explain-link.ts'
import type { LinkPathEvent } from '../node/link.ts'
import type { LinkPath } from '../node/path.ts'
import type { Attempt } from '../traversal/attempt.ts'
import { lookupTexts } from '../traversal/explain/lookups.ts'
import type { Explanation } from '../traversal/explain.ts'
import { explanationPage } from './explain-page.ts'
import type { Output } from './output.ts'
import { pathEvent, pathText } from './path-report.ts'
import type { Pong } from './ping-protocol.ts'
import type { PingResult } from './ping-run.ts'

/** As wide as an IPv4 address with its port, so that the times stand under each other. */
const REMOTE_WIDTH = 21

/** One line per pong. */
export function reportPong(out: Output, seq: number, { path, rttMs }: Pong): void {
  const { green, yellow, dim } = out.colors
  const kind = path.kind === 'direct' ? green('direct') : yellow('relay ')
  const remote = path.remote.padEnd(REMOTE_WIDTH)
  out.event(
    { event: 'pong', seq, path: path.kind, transport: path.transport, remote: path.remote, rttMs: round(rttMs) },
    `${String(seq).padStart(5)}  ${kind}  ${path.transport.padEnd(4)} ${dim(remote)}  ${rttMs.toFixed(1).padStart(7)} ms`
  )
}

/** The line that all of this is for. */
export function reportDirect(out: Output, { transport, remote }: LinkPath): void {
  const { bold, green } = out.colors
  out.event(
    { event: 'direct', transport, remote },
    bold(green(`       ── direct from here on: ${transport} ${remote} ──`))
  )
}

/** Every change of path, and why: people see them with --verbose. */
export function reportPath(out: Output, path: LinkPathEvent, verbose: boolean): void {
  const text = out.colors.dim(`       path: ${pathText(path)}`)
  out.event({ event: 'path', ...pathEvent(path) }, verbose ? text : undefined)
}

/** When each step of the connect was done. */
export function reportTimeline(out: Output, timeline: readonly TimelineEntry[]): void {
  if (timeline.length === 0) return
  const lines = timeline.map(
    ({ step, ms }) => `${ms.toFixed(1).padStart(9)} ms  ${step.padEnd(9)}  ${out.colors.dim(STEPS[step])}`
  )
  out.event({ event: 'timeline', steps: timeline }, `\n${lines.join('\n')}`)
}

export interface Explained {
  readonly explanation: Explanation
  readonly verbose: boolean
}

export function reportSummary(out: Output, result: PingResult, explained: Explained): void {
  const { explanation, verbose } = explained
  const { connected, msFirstByte, msDirect, attempts } = result
  const tried = attempts.map(({ technique, outcome, reason, ms }) => ({ technique, outcome, reason, ms: round(ms) }))
  const summary = {
    event: 'summary',
    connected,
    direct: msDirect != null,
    technique: techniqueOf(result),
    msFirstByte: roundOrNull(msFirstByte),
    msDirect: roundOrNull(msDirect),
    attempts: tried,
    explanation
  }
  // people have read the error already
  const isTold = !connected && attempts.length === 0 && !verbose
  out.event(summary, isTold ? undefined : `\n${headline(out, result)}${pageOf(out, result, explained)}`.trimEnd())
}

/** Who is direct has what was asked for. */
function pageOf(
  out: Output,
  { connected, msDirect, attempts }: PingResult,
  { explanation, verbose }: Explained
): string {
  const mattered = attempts.filter(({ reason }) => reason !== 'already-direct')
  if (msDirect != null && !verbose) {
    const unused = lookupTexts(explanation.lookups, true).map(text => `  ${out.colors.yellow(text)}\n`)
    return [...mattered.map(each => attemptLine(out, each)), ...unused].join('')
  }
  return `${connected ? '\n' : ''}${explanationPage(out, explanation)}`
}

/** What made the path. */
function techniqueOf({ connected, msDirect, path, attempts, explanation }: PingResult): string | null {
  if (!connected || path == null) return null
  const kind = msDirect == null ? 'relay' : 'direct'
  // a link knows; it may go by another path since the last pong
  const known = explanation?.path?.kind === kind ? explanation.path.technique : null
  return known ?? foundBy({ ...path, kind }, attempts)
}

/** Without a connection the explanation begins with that. */
function headline({ colors }: Output, { connected, msFirstByte, msDirect }: PingResult): string {
  if (!connected) return ''
  const first = `first byte after ${msFirstByte?.toFixed(0)} ms`
  if (msDirect == null) return `${colors.yellow('relayed')}: ${first}\n`
  return `${colors.green('direct')}: ${first}, direct after ${msDirect.toFixed(0)} ms\n`
}

function attemptLine({ colors }: Output, { technique, outcome, reason, ms, detail }: Attempt): string {
  const paint = { ok: colors.green, failed: colors.red, skipped: colors.dim }[outcome]
  const took = outcome === 'skipped' ? '' : ` in ${ms.toFixed(0)} ms`
  const more = detail == null || outcome !== 'failed' ? '' : colors.dim(` (${detail})`)
  return `  ${technique.padEnd(10)}  ${paint(outcome.padEnd(7))}  ${reason}${took}${more}\n`
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

function roundOrNull(ms: number | null): number | null {
  return ms == null ? null : round(ms)
}
