import type { Flow } from './flow.ts'
import type { PlaneEvent } from './plane.ts'

/** How late one hears that something moved: for so long silence is not yet doubted, and a stream may stall. */
const TELL_EVERY_MS = 200

/** What has moved on the flows that somebody watches. The hot path only counts. */
export class Traffic<Loop> {
  readonly #watched = new Set<Flow<Loop>>()
  readonly #post: (event: PlaneEvent) => void
  #nextMs = 0
  /** Whether something moved when it was told last. */
  #moved = false

  constructor(post: (event: PlaneEvent) => void) {
    this.#post = post
  }

  watch(flow: Flow<Loop>): void {
    this.#watched.add(flow)
    reset(flow)
  }

  unwatch(flow: Flow<Loop>): void {
    this.#watched.delete(flow)
  }

  /** Tells what has moved since the last time; of flows on which nothing did, nothing. @returns when to call again */
  tick(nowMs: number): number {
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + TELL_EVERY_MS
      this.#moved = this.#tell()
    }
    // where nothing moves, nothing has to be told: the first packet that does is told at once
    return this.#moved ? this.#nextMs : Number.POSITIVE_INFINITY
  }

  #tell(): boolean {
    let told = false
    for (const flow of this.#watched) {
      const heard = flow.paths.flatMap(({ path, heard: count }) => (count > 0 ? [{ path, count }] : []))
      if (flow.sent === 0 && heard.length === 0) continue
      const { id, sent } = flow
      reset(flow)
      this.#post({ event: 'traffic', flow: id, sent, heard })
      told = true
    }
    return told
  }
}

function reset(flow: Flow<unknown>): void {
  flow.sent = 0
  for (const entry of flow.paths) entry.heard = 0
}
