/** Slack for clocks that count whole seconds, and for packets that were on the way. */
const SLACK_SECONDS = 2

/**
 * Notices from its epoch that a server has forgotten its mappings. RFC 6886 section 3.6: a clock may run slow by an eighth; one
 * that is further behind was set back, by a restart mostly. RFC 6887 section 8.5: nor may it run ahead by more than a sixteenth,
 * which would be another server.
 */
export class EpochWatch {
  #last: { readonly atMs: number; readonly epochSeconds: number } | undefined

  /** Takes an epoch in. @returns whether mappings that were made before are gone */
  restarted(nowMs: number, epochSeconds: number): boolean {
    const last = this.#last
    this.#last = { atMs: nowMs, epochSeconds }
    if (last == null) return false
    const ours = (nowMs - last.atMs) / 1000
    const theirs = epochSeconds - last.epochSeconds
    return theirs < (ours * 7) / 8 - SLACK_SECONDS || (theirs * 15) / 16 > ours + SLACK_SECONDS
  }
}
