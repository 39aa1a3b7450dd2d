import type { Flow } from './flow.ts'
import type { PlaneEvent } from './plane.ts'

/** What has moved on the flows that somebody watches. The hot path only counts. */
export class Traffic<Loop> {
  readonly #watched = new Set<Flow<Loop>>()
  readonly #post: (event: PlaneEvent) => void

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

  /** Tells what has moved since the last time; of flows on which nothing did, nothing. */
  tell(): void {
    for (const flow of this.#watched) {
      const heard = flow.paths.flatMap(({ path, heard: count }) => (count > 0 ? [{ path, count }] : []))
      if (flow.sent === 0 && heard.length === 0) continue
      const { id, sent } = flow
      reset(flow)
      this.#post({ event: 'traffic', flow: id, sent, heard })
    }
  }
}

function reset(flow: Flow<unknown>): void {
  flow.sent = 0
  for (const entry of flow.paths) entry.heard = 0
}
