import type { Random } from '../../src/core/random.ts'
import type { Hubs } from './hubs.ts'
import type { Site, Time } from './network.ts'

/** What befalls a link, and how often a day on average. */
export const EVENTS = {
  'NAT forgets': 3,
  'other network': 3,
  'UDP blocked': 2,
  offline: 2,
  'circuit closed': 4,
  'hub down': 2,
  'both hubs down': 0.3,
  'loss of 30 %': 3
} as const
export type EventName = keyof typeof EVENTS

/** The watcher polls so often. */
const WATCH_MS = 500
/** Until a hub has told how it sees us now. */
const OBSERVED_MS = 500
/** Until it is clear that QUIC does not come through to the hub (two pings of the connection monitor), and TCP is taken. */
const BLOCKED_MS = 11_000

export interface World {
  readonly time: Time
  readonly random: Random
  readonly sites: readonly [Site, Site]
  readonly hubs: Hubs
  /** A side's watcher has noticed another network. */
  readonly onChanged: (side: number) => void
  /** A side's hub tells another address, maybe. */
  readonly onCandidates: (side: number) => void
  /** Direct paths of now are gone. */
  readonly onDisturbed: () => void
}

/** @returns how long it lasts */
export function happen(event: EventName, world: World): number {
  const { time, random, sites, hubs, onDisturbed } = world
  const side = random.int(0, 1)
  const site = sites[side]!
  const lasting = (leastSeconds: number, mostSeconds: number, end: () => void): number => {
    const ms = random.int(leastSeconds, mostSeconds) * 1_000
    time.after(ms, end)
    return ms
  }
  const down = (some: readonly number[]): number => {
    for (const hub of some) hubs.kill(hub)
    return lasting(30, 1_200, () => {
      for (const hub of some) hubs.revive(hub)
    })
  }
  switch (event) {
    case 'NAT forgets':
      onDisturbed()
      site.flush()
      return 0
    case 'other network':
      onDisturbed()
      site.move()
      hubs.disconnected(side, WATCH_MS)
      renew(side, world)
      return 0
    case 'UDP blocked':
      if (site.blocked) return 0
      onDisturbed()
      site.block(true)
      hubs.disconnected(side, BLOCKED_MS)
      return lasting(60, 1_800, () => site.block(false))
    case 'offline':
      if (site.offline) return 0
      onDisturbed()
      site.offline = true
      hubs.changed()
      return lasting(2, 60, () => {
        site.offline = false
        hubs.changed()
        hubs.disconnected(side, WATCH_MS)
        renew(side, world)
      })
    case 'circuit closed': {
      const [circuit] = hubs.circuits
      if (circuit != null) hubs.close(circuit)
      return 0
    }
    case 'hub down':
      return down([random.int(0, 1)])
    case 'both hubs down':
      return down([0, 1])
    case 'loss of 30 %':
      site.lossPercent = 30
      return lasting(60, 60, () => {
        site.lossPercent = 1
      })
    default:
      return event satisfies never
  }
}

function renew(side: number, { time, random, onChanged, onCandidates }: World): void {
  time.after(random.int(0, WATCH_MS), () => onChanged(side))
  time.after(WATCH_MS + OBSERVED_MS, () => onCandidates(side))
}
