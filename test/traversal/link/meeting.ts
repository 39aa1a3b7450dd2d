import type { SimSpec } from '../../../src/sim/index.ts'
import type { TechniqueName } from '../../../src/traversal/attempt.ts'
import type { ConclusionCode } from '../../../src/traversal/explain.ts'
import { AGREEMENT } from '../../../src/traversal/link/agreement.ts'
import { beBusy } from './neighbours.ts'
import { World, type WorldOptions } from './world.ts'

/** What became of a link between two networks. */
export interface Met {
  /** By which technique each side has the path that its packets leave by. */
  readonly routes: readonly [TechniqueName | undefined, TechniqueName | undefined]
  /** Why it is so, as each side explains it. */
  readonly conclusions: readonly [ConclusionCode, ConclusionCode]
  /** When both sides' packets left by a direct path; after the connect began. */
  readonly directMs: number | undefined
  /** Whether packets of the application arrive both ways. */
  readonly carries: boolean
  /** By UDP, of each side, checks and all. */
  readonly packets: readonly [number, number]
  /** That techniques have opened, and are left open. */
  readonly sockets: readonly [number, number]
  /** Timers that are left when the link is over. */
  readonly leftovers: number
}

export interface MeetOptions extends WorldOptions {
  /** Mappings that others behind each NAT make in a second. @default 0 */
  readonly busy?: number
}

/** All attempts have ended by then: the longest patience of a technique that is built in. */
const WITHIN_MS = 60_000

/** Connects two networks that have been examined, and lets them try all that there is. */
export async function meet(spec: SimSpec, options: MeetOptions = {}): Promise<Met> {
  const { busy = 0, seed = 1 } = options
  const others = ['a', 'b'].filter(name => busy > 0 && spec[name]?.behind != null)
  const neighbours = Object.fromEntries(others.map(name => [`next${name}`, { behind: spec[name]!.behind! }]))
  using world = new World({ ...spec, ...neighbours }, options)
  await world.prepare()
  const { a, b, sim, hub } = world
  const stops = others.map((name, index) => {
    return beBusy(sim.host(`next${name}`), busy, { address: hub.ip, port: 9 }, seed + 3 + index)
  })
  const before = [a.network.sent, b.network.sent] as const
  await world.connect()
  const isDirect = () => a.directMs != null && b.directMs != null
  await world.until(() => isDirect() || (a.isTried && b.isTried), WITHIN_MS)
  // relayed, both have to be sure that nothing comes any more; direct, who has come last tells the other side
  await world.advance(isDirect() ? 500 : AGREEMENT.answerMs + 5_000)
  const met = {
    routes: [a.route, b.route],
    conclusions: [a.explain().conclusion.code, b.explain().conclusion.code],
    directMs: isDirect() ? Math.max(a.directMs!, b.directMs!) : undefined,
    carries: await world.carries(),
    packets: [a.network.sent - before[0], b.network.sent - before[1]],
    sockets: [a.network.open - 1, b.network.open - 1]
  } as const
  for (const stop of stops) stop()
  return { ...met, leftovers: await world.leftovers() }
}
