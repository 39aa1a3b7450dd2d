import type { LinkPathEvent } from '../node/link.ts'
import { PATH_REASONS } from '../traversal/paths/api.ts'

/** A path as an event has it; `reason` and what follows only of links, which know why. */
export function pathEvent({ kind, transport, remote, reason, technique, rttMs, atMs }: LinkPathEvent) {
  const known =
    reason == null ? {} : { reason, technique, rttMs: rttMs == null ? null : Math.round(rttMs * 10) / 10, atMs }
  return { path: kind, transport, remote, ...known }
}

/** A path as people read it. */
export function pathText({ kind, transport, remote, reason, atMs }: LinkPathEvent): string {
  const why =
    reason == null ? '' : `  (${PATH_REASONS[reason]}${atMs == null ? '' : `, ${atMs} ms after the link began`})`
  return `${kind.padEnd(6)} ${transport} ${remote}${why}`
}
