import type { NetHost, UdpSocket } from '../core/net.ts'
import { type Answer, ask } from './ask.ts'
import type { Samples } from './classify.ts'
import { hairpins } from './hairpin.ts'
import type { Patience } from './patience.ts'
import type { UnknownReason } from './report.ts'

export interface FreshTest {
  readonly host: NetHost
  readonly fresh: readonly UdpSocket[]
  readonly main: Answer
  readonly patient: Patience
  readonly translated: boolean
  readonly signal: AbortSignal
}

export interface FreshFindings extends Pick<Samples, 'fresh' | 'hairpin'> {
  /** Whether the first one got an answer. */
  readonly plain: boolean
}

/** Each socket asks once, all in one moment, so that little of others comes in between. */
export async function testFresh({ host, fresh, main, patient, translated, signal }: FreshTest): Promise<FreshFindings> {
  const asking = fresh.map(socket => ask(host, socket, { to: main.server, schedule: patient.schedule }, signal))
  // the first one is busy with the filter
  const [, a, b] = fresh
  const turning = Promise.all([asking[1], asking[2]]).then(async ([one, other]): Promise<boolean | UnknownReason> => {
    if (!translated) return 'not-translated'
    if (a == null || b == null || one?.type !== 'answered' || other?.type !== 'answered') return 'few-answers'
    const [from, to] = [
      { socket: a, public: one.public },
      { socket: b, public: other.public }
    ]
    return await hairpins(host, from, to, patient.turnMs, signal)
  })
  const asked = await Promise.all(asking)
  const answered = asked.flatMap((result, index) =>
    result.type === 'answered' ? [{ ...result, localPort: fresh[index]!.local.port }] : []
  )
  // a mapping was made when the packet that got the answer passed, which for a repeated one nobody knows
  const inOrder = answered.filter(({ sends }) => sends === 1)
  const counted = inOrder.length * 2 > fresh.length ? inOrder : answered
  return {
    fresh: counted.map(each => ({ localPort: each.localPort, public: each.public })),
    hairpin: await turning,
    plain: asked[0]?.type === 'answered'
  }
}
