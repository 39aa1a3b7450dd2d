import { realClock } from '../../../src/core/clock.ts'
import { drive, type Endpoint } from '../../../src/core/machine.ts'
import { secureRandom } from '../../../src/core/random.ts'
import {
  type RetransmissionSchedule,
  type StunOutcome,
  StunTransaction,
  stunRequest
} from '../../../src/core/stun-transaction.ts'
import { systemUdp } from '../../../src/socket/system/udp.ts'
import { find, type StunAttribute, type StunMessage } from '../../../src/wire/stun/index.ts'

export interface AskOptions {
  readonly from?: string
  readonly localPort?: number
  readonly source?: (source: Endpoint) => boolean
  readonly schedule?: RetransmissionSchedule
  readonly request?: Uint8Array
  readonly accept?: (bytes: Uint8Array) => boolean
}

const PATIENT: RetransmissionSchedule = { rtoMs: 1_000, sends: 5, lastWaits: 1 }
/** For what gets no answer: loopback takes far less. */
export const HASTY: RetransmissionSchedule = { rtoMs: 150, sends: 1, lastWaits: 1 }

/** One transaction by a socket of its own on loopback. */
export async function ask(
  to: Endpoint,
  attributes: readonly StunAttribute[] = [],
  {
    from,
    localPort = 0,
    source,
    accept,
    schedule = PATIENT,
    request = stunRequest(secureRandom, ...attributes)
  }: AskOptions = {}
): Promise<{ outcome: StunOutcome; local: Endpoint }> {
  const address = from ?? (to.address.includes(':') ? '::1' : '127.0.0.1')
  const socket = await systemUdp({ family: address.includes(':') ? 6 : 4, address, port: localPort })
  const init = {
    to,
    request,
    schedule,
    ...(source == null ? {} : { from: source }),
    ...(accept == null ? {} : { accept })
  }
  const { promise, resolve } = Promise.withResolvers<StunOutcome>()
  drive(new StunTransaction(init), socket, realClock, resolve)
  // the transaction's timers keep no process alive
  const alive = setInterval(() => {}, 1_000)
  try {
    return { outcome: await promise, local: socket.local }
  } finally {
    clearInterval(alive)
    socket.close()
  }
}

export function told(
  response: StunMessage,
  name: 'XOR-MAPPED-ADDRESS' | 'OTHER-ADDRESS' | 'RESPONSE-ORIGIN'
): Endpoint | undefined {
  const found = find(response, name)
  return found == null ? undefined : { address: found.address, port: found.port }
}
