import { canonicalIp } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { NetHost, UdpSocket } from '../core/net.ts'
import type { RetransmissionSchedule } from '../core/stun-transaction.ts'
import { type Answer, type Asked, ask } from './ask.ts'
import type { ChangeOutcome, FilteringEvidence } from './filtering.ts'
import { believable } from './servers.ts'

export interface FilterTest {
  readonly host: NetHost
  /** One that has spoken to nobody: the shared one has let the hub's answers in long ago. */
  readonly socket: UdpSocket | undefined
  readonly main: Answer
  readonly schedule: RetransmissionSchedule
  readonly signal: AbortSignal
}

/** Has the server answer from elsewhere. Its answers open nothing, so all may be asked for at once. */
export async function testFilter(test: FilterTest): Promise<Pick<FilteringEvidence, 'changeBoth' | 'changePort'>> {
  const { host, socket, main, schedule, signal } = test
  if (socket == null || !main.discovery) return { changeBoth: 'not-asked', changePort: 'not-asked' }
  const change = async (changeIp: boolean): Promise<ChangeOutcome> => {
    const attributes = [{ type: 'CHANGE-REQUEST', changeIp, changePort: true }] as const
    const asked = await ask(host, socket, { to: main.server, attributes, from: () => true, schedule }, signal)
    return outcomeOf(asked, main.server, changeIp)
  }
  const twoAddresses = believable(main) && main.other.address !== main.server.address
  const [changePort, changeBoth] = await Promise.all([
    change(false),
    twoAddresses ? change(true) : ('not-asked' as const)
  ])
  return { changeBoth, changePort }
}

/** An answer that came from where it was asked, or an error, shows a server that does not change. */
function outcomeOf(asked: Asked, server: Endpoint, changeIp: boolean): ChangeOutcome {
  if (asked.type !== 'answered') return asked.type
  const otherAddress = canonicalIp(asked.from.address) !== server.address
  return otherAddress === changeIp && asked.from.port !== server.port ? 'answered' : 'refused'
}
