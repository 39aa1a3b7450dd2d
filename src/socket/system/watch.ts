import { Allowance } from '../../core/allowance.ts'
import { type Clock, realClock, type Timer } from '../../core/clock.ts'
import { Events } from '../../core/events.ts'
import { diff, type NetworkChange, type NetworkState, systemState } from './network-state.ts'

export type { NetworkChange, NetworkState } from './network-state.ts'

export const WATCH = {
  /** So that a change is noticed within a second. A look takes 0.1 ms of CPU, and 1 ms when nothing of it is in the caches: 0.2 % of a core at most. */
  everyMs: 500,
  /** Slept for less, and nothing is forgotten yet: NATs keep a mapping for 30 s at least (RFC 4787 section 4.3 has two minutes), QUIC waits for 20 s. */
  sleptMs: 5_000,
  /**
   * What is told at once, and how soon the next one after those. A network that comes up changes three or four times within seconds
   * (address, route, IPv6); a cable that comes and goes must not have its owner dial all hubs twice a second for ever.
   */
  told: { burst: 10, refillMs: 10_000, maxKeys: 1 }
} as const

export interface NetworkWatchOptions {
  /** @default the machine's */
  readonly clock?: Clock
  /** The time of day in milliseconds. @default the machine's */
  readonly wallMs?: () => number
  /** What the network is like now. @default this machine's */
  readonly look?: () => NetworkState
}

/**
 * Calls back when addresses or default routes have changed, and when the machine has slept. By looking, twice a second: it sends
 * nothing, and does not keep a program alive.
 *
 * @returns a function that ends it
 */
export function watchNetwork(
  { clock = realClock, wallMs = Date.now, look = systemState }: NetworkWatchOptions,
  onChange: (change: NetworkChange) => void
): () => void {
  const allowance = new Allowance(WATCH.told)
  let told = look()
  let slept = false
  let timer: Timer
  const lookLater = () => {
    const [fromMs, fromWallMs] = [clock.now(), wallMs()]
    timer = clock.after(WATCH.everyMs, () => {
      // Linux's monotonic clock stands still in a sleep, that of others goes on: then the timer is late
      slept ||= Math.max(clock.now() - fromMs, wallMs() - fromWallMs) > WATCH.everyMs + WATCH.sleptMs
      // first, because a listener may end it
      lookLater()
      const state = look()
      const change = diff(told, state) ?? (slept ? SLEPT : undefined)
      // what is held back and gone again by then was nothing
      if (change == null || !allowance.take('', clock.now())) return
      told = state
      slept = false
      onChange(change)
    })
  }
  lookLater()
  return () => timer.cancel()
}

const SLEPT: NetworkChange = { kind: 'wake', detail: 'the machine has slept' }

const shared = new Events<{ change: NetworkChange }>()
let listeners = 0
let stop = () => {}

/** As {@link watchNetwork}, for this machine: all that listen share one watch. */
export function onNetworkChange(listener: (change: NetworkChange) => void): () => void {
  const off = shared.on('change', listener)
  if (listeners++ === 0) stop = watchNetwork({}, change => shared.emit('change', change))
  let over = false
  return () => {
    if (over) return
    over = true
    off()
    if (--listeners === 0) stop()
  }
}
