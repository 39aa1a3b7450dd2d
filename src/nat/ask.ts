import { isIP } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { canonicalIp, ipScope } from '../core/ip.ts'
import { type DatagramNet, drive, type Endpoint } from '../core/machine.ts'
import type { Random } from '../core/random.ts'
import { type RetransmissionSchedule, StunTransaction, stunRequest } from '../core/stun-transaction.ts'
import { find, type StunAttribute, type StunMessage } from '../wire/stun/index.ts'

/** What a server told. */
export interface Answer {
  readonly server: Endpoint
  /** Where the answer came from: another one than `server` only where that was asked for. */
  readonly from: Endpoint
  /** Our own endpoint as the server sees it. */
  readonly public: Endpoint
  /** The server's OTHER-ADDRESS (RFC 5780 section 7.4), not to be believed yet. */
  readonly other: Endpoint | undefined
  /** Whether it has RESPONSE-ORIGIN or OTHER-ADDRESS, as every server has that knows RFC 5780. */
  readonly discovery: boolean
  readonly rttMs: number
  readonly sends: number
}

export type Asked =
  | ({ readonly type: 'answered' } & Answer)
  /** It answered, with an error or without our address. */
  | { readonly type: 'refused'; readonly rttMs: number }
  | { readonly type: 'silent' }

export interface Question {
  readonly to: Endpoint
  readonly attributes?: readonly StunAttribute[]
  /** Who may answer; `to` alone when absent. */
  readonly from?: (source: Endpoint) => boolean
  readonly schedule: RetransmissionSchedule
}

export interface Asker {
  readonly clock: Clock
  readonly random: Random
}

/** Asks a STUN server once, with retransmissions. Silent at the end of the schedule, or when the signal aborts. */
export async function ask(
  { clock, random }: Asker,
  net: DatagramNet,
  question: Question,
  signal: AbortSignal
): Promise<Asked> {
  const { to, attributes = [], from, schedule } = question
  const request = stunRequest(random, ...attributes)
  const transaction = new StunTransaction({ to, request, schedule, ...(from == null ? {} : { from }) })
  let asked: Asked = { type: 'silent' }
  const driven = drive(
    transaction,
    net,
    clock,
    outcome => {
      if (outcome.type === 'failed') return
      const { response, from, rttMs, sends } = outcome
      const told = outcome.type === 'answered' ? toldIn(response, to) : undefined
      asked = told == null ? { type: 'refused', rttMs } : { type: 'answered', server: to, from, ...told, rttMs, sends }
    },
    signal
  )
  await driven.ended
  // the machine's last event comes after its end
  return asked
}

/** What a response says, if it says where we are. */
export function toldIn(
  response: StunMessage,
  server: Endpoint
): Pick<Answer, 'public' | 'other' | 'discovery'> | undefined {
  const seen = mappedIn(response, server)
  if (seen == null) return undefined
  const other = otherIn(response)
  return { public: seen, other, discovery: other != null || find(response, 'RESPONSE-ORIGIN') != null }
}

/** XOR-MAPPED-ADDRESS only: gateways rewrite the address in MAPPED-ADDRESS (RFC 8489 section 14.2). */
function mappedIn(response: StunMessage, server: Endpoint): Endpoint | undefined {
  const mapped = find(response, 'XOR-MAPPED-ADDRESS')
  if (mapped == null || mapped.port === 0 || isIP(mapped.address) !== isIP(server.address)) return undefined
  const address = canonicalIp(mapped.address)!
  switch (ipScope(address)) {
    case 'public':
    case 'private':
    case 'reserved':
      return { address, port: mapped.port }
    case 'loopback':
      // only who is on this machine sees us there
      return ipScope(server.address) === 'loopback' ? { address, port: mapped.port } : undefined
    default:
      return undefined
  }
}

function otherIn(response: StunMessage): Endpoint | undefined {
  const other = find(response, 'OTHER-ADDRESS')
  return other == null ? undefined : { address: canonicalIp(other.address)!, port: other.port }
}
