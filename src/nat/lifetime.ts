import { sleep } from '../core/clock.ts'
import { drive, type Endpoint, type Input, type Machine, type Step } from '../core/machine.ts'
import type { Family, NetHost, UdpSocket } from '../core/net.ts'
import { StunTransaction, stunRequest } from '../core/stun-transaction.ts'
import { decodeStun } from '../wire/stun/index.ts'
import { type Answer, ask } from './ask.ts'
import type { Measured } from './classify.ts'
import type { Patience } from './patience.ts'

/**
 * Idle times that are tried, in seconds: fine where bad routers are, coarse beyond RFC 4787's two minutes (REQ-5). All run at once, each with a
 * mapping of its own, so the whole takes as long as the mapping lives, and {@link LONGEST_SECONDS} at most.
 */
export const LIFETIMES_SECONDS: readonly number[] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90, 100, 110,
  120, 150, 180
]
export const LONGEST_SECONDS = 180

/** Between two new mappings, so that a server that counts requests answers them all. */
const PACE_MS = 50

/** Answers to what another socket asked for are lost one by one; one that is dead is so in two tries in a row. */
const DEAD_IN_A_ROW = 2

/**
 * How long a mapping lives that nothing passes through, in seconds: the longest of {@link LIFETIMES_SECONDS} after which a packet from
 * the server still arrives (RFC 5780 section 4.6). Another socket asks the server to answer to the idle one's public port, so that the idle one is
 * touched by nothing but the answer.
 */
export async function measureLifetime(
  host: NetHost,
  family: Family,
  server: Endpoint,
  patience: Patience,
  signal: AbortSignal
): Promise<Measured> {
  const asking = await host.udp({ family }).catch(() => undefined)
  if (asking == null) return 'no-means'
  const over = new AbortController()
  const stop = () => over.abort()
  signal.addEventListener('abort', stop, { once: true })
  const context = { host, family, asking, server, patience, signal: over.signal }
  try {
    if ((await outlives(context, 0)) !== true) return signal.aborted ? 'no-time' : 'no-response-port'
    const alive: (boolean | undefined)[] = []
    const tries = LIFETIMES_SECONDS.map(async (seconds, index) => {
      await sleep(host.clock, index * PACE_MS, over.signal).catch(() => {})
      alive[index] = over.signal.aborted ? undefined : await outlives(context, seconds)
      // nothing longer is alive where two in a row are not
      const dead = alive.findIndex((is, at) => is === false && alive[at + 1] === false)
      if (dead >= 0 && alive.slice(0, dead).every(is => is != null)) stop()
    })
    await Promise.all(tries)
    return longest(alive, signal.aborted)
  } finally {
    stop()
    signal.removeEventListener('abort', stop)
    asking.close()
  }
}

/** The last one alive before those that are not. */
function longest(alive: readonly (boolean | undefined)[], cut: boolean): Measured {
  let dead = 0
  let last: number | undefined
  for (const [index, is] of alive.entries()) {
    if (is == null) break
    dead = is ? 0 : dead + 1
    if (is) last = LIFETIMES_SECONDS[index]
    if (dead === DEAD_IN_A_ROW) return last ?? 0
  }
  return cut ? 'no-time' : (last ?? 0)
}

interface Context {
  readonly host: NetHost
  readonly family: Family
  /** The one socket that asks for all. */
  readonly asking: UdpSocket
  readonly server: Endpoint
  readonly patience: Patience
  readonly signal: AbortSignal
}

/** Makes a mapping, leaves it alone, and hears whether a packet still comes in by it. Undefined when that could not be tried. */
async function outlives(context: Context, idleSeconds: number): Promise<boolean | undefined> {
  const { host, family, server, patience, signal } = context
  const idle = await host.udp({ family }).catch(() => undefined)
  if (idle == null) return undefined
  try {
    const made = await ask(host, idle, { to: server, schedule: patience.schedule }, signal)
    if (made.type !== 'answered') return undefined
    await sleep(host.clock, idleSeconds * 1_000, signal)
    return await arrives(context, idle, made)
  } catch {
    // the time was up while it was idle
    return undefined
  } finally {
    idle.close()
  }
}

async function arrives(
  { host, asking, server, patience, signal }: Context,
  idle: UdpSocket,
  made: Answer
): Promise<boolean> {
  const request = stunRequest(host.random, { type: 'RESPONSE-PORT', port: made.public.port })
  const done = new AbortController()
  const both = AbortSignal.any([signal, done.signal])
  let arrived = false
  const hearing = drive(
    new Listening(request),
    idle,
    host.clock,
    () => {
      arrived = true
      done.abort()
    },
    both
  )
  // one more than elsewhere: a mapping taken for dead ends the search
  const schedule = { ...patience.schedule, sends: patience.schedule.sends + 1 }
  const sending = drive(new StunTransaction({ to: server, request, schedule }), asking, host.clock, () => {}, both)
  await sending.ended
  hearing.cancel()
  return arrived
}

/** Waits on the idle socket for the answer to what another one has asked. */
class Listening implements Machine<'arrived'> {
  readonly #id: Uint8Array

  constructor(request: Uint8Array) {
    this.#id = decodeStun(request).transactionId
  }

  step(_: number, input: Input): Step<'arrived'> {
    if (input.type !== 'packet') return {}
    const { bytes } = input
    const is = bytes.length >= 20 && this.#id.every((byte, index) => bytes[8 + index] === byte)
    return is ? { events: ['arrived'], done: true } : {}
  }
}
