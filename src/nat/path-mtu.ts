import type { Endpoint } from '../core/machine.ts'
import type { Family, NetHost, ProbeSocket } from '../core/net.ts'
import { ask } from './ask.ts'
import type { Measured } from './classify.ts'
import type { Patience } from './patience.ts'

/** What a network must carry (RFC 791, RFC 8200 section 5), and what Ethernet does: nothing larger crosses the internet. */
const LEAST = { 4: 576, 6: 1_280 } as const
const MOST = 1_500
/** The headers of IP and UDP. */
const HEADERS = { 4: 28, 6: 48 } as const
/** A request's header, its FINGERPRINT, and the head of PADDING. */
const STUN_BYTES = 20 + 8 + 4
/** Sizes that are tried at once. */
const AT_ONCE = 8
/** STUN messages are multiples of four, and so are the MTUs that are met: 1,280, 1,420, 1,492, 1,500. */
const STEP = 4

/**
 * The largest IP packet that reaches the server and is answered, to four bytes; 1,500 when nothing smaller is in the way. Requests with PADDING
 * (RFC 5780 section 7.6) of many sizes at once, then of those between the largest that passed and the smallest that did not. A refusal is
 * as good an answer as any: the packet was there.
 */
export async function measurePathMtu(
  host: NetHost,
  family: Family,
  server: Endpoint,
  patience: Patience,
  signal: AbortSignal
): Promise<Measured> {
  const socket = await host.probe?.({ family }).catch(() => undefined)
  if (socket == null) return 'no-means'
  const passes = (size: number) => reaches({ host, socket, server, patience, signal }, size - HEADERS[family])
  try {
    if (await passes(MOST)) return MOST
    let low: number = LEAST[family]
    let high = MOST
    if (!(await passes(low))) return signal.aborted ? 'no-time' : 'few-answers'
    while (high - low > STEP) {
      const sizes = between(low, high)
      const passed = await Promise.all(sizes.map(passes))
      if (signal.aborted) return 'no-time'
      const last = passed.lastIndexOf(true)
      high = sizes[last + 1] ?? high
      low = sizes[last] ?? low
    }
    return low
  } finally {
    socket.close()
  }
}

/** So many sizes, evenly spread, none of them an end. */
function between(low: number, high: number): number[] {
  const steps = (high - low) / STEP
  const count = Math.min(AT_ONCE, steps - 1)
  return Array.from({ length: count }, (_, index) => low + STEP * Math.floor(((index + 1) * steps) / (count + 1)))
}

interface Sized {
  readonly host: NetHost
  readonly socket: ProbeSocket
  readonly server: Endpoint
  readonly patience: Patience
  readonly signal: AbortSignal
}

async function reaches({ host, socket, server, patience, signal }: Sized, bytes: number): Promise<boolean> {
  const padding = { type: 'PADDING', bytes: new Uint8Array(bytes - STUN_BYTES) } as const
  const asked = await ask(host, socket, { to: server, attributes: [padding], schedule: patience.schedule }, signal)
  return asked.type !== 'silent'
}
