import { NatError } from '../core/errors.ts'
import { canonicalIp } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family, NetHost, TcpConnection } from '../core/net.ts'
import { sameEndpoint, stunRequest } from '../core/stun-transaction.ts'
import { decodeStun, StunFrames } from '../wire/stun/index.ts'
import { toldIn } from './ask.ts'
import type { Samples } from './classify.ts'
import type { Naming } from './servers.ts'
import { furtherOf, serversOf, usualPorts } from './servers.ts'
import { type Nearest, noSamples } from './udp.ts'

/** Below what systems give to programs that name no port (32,768 on Linux, 49,152 elsewhere), above the usual servers. */
const FIRST_PORT = 20_000
const LAST_PORT = 29_999
/** Connections of their own ports, which show how ports are chosen. */
const FRESH_CONNECTIONS = 4
/** Until the first server has answered; a lost SYN is repeated after a second (RFC 6298 section 2). */
const FIRST_WAIT_MS = 3_000
/** The same where UDP has told how far the server is: a repeated SYN, and some round trips. */
const KNOWN_WAIT_MS = 1_200
const KNOWN_WAIT_ROUND_TRIPS = 4
/** After that, for those that are silent, in multiples of what the first one took. */
const FURTHER_WAIT = 2
const LEAST_WAIT_MS = 150

export interface TcpTest {
  readonly host: NetHost
  readonly family: Family
  readonly servers: readonly Endpoint[]
  /** What UDP finds: further sockets of the servers, which answer by TCP mostly too. Undefined when it finds nothing. */
  readonly learned: Promise<Pick<Nearest, 'servers' | 'rttMs'> | undefined>
  readonly local: string | null
  readonly signal: AbortSignal
}

interface Seen extends Naming {
  readonly public: Endpoint
  readonly local: Endpoint
  /** The how many-th question it answers. */
  readonly order: number
}

/**
 * The mapping of TCP (RFC 5382 section 4): connections from *one* local port to several STUN servers, and some from ports of their own.
 * That works where the system lets connections share a port; else one server is heard, and the mapping stays unknown.
 */
export async function testTcp(test: TcpTest): Promise<Samples> {
  const { host, family, signal } = test
  const given = serversOf(test.servers, family)
  const none = noSamples(test)
  if (given.length === 0) return none
  const localPort = host.random.int(FIRST_PORT, LAST_PORT)
  const over = new AbortController()
  const stop = () => over.abort(new NatError('TIMEOUT', 'the time for asking by TCP was up'))
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const startMs = host.clock.now()
  let timer = host.clock.after(FIRST_WAIT_MS, stop)
  const seen: Seen[] = []
  const fresh: Seen[] = []
  const targets: Endpoint[] = []
  let asked = 0
  const asking: Promise<void>[] = []
  const ask = (to: Endpoint, port: number | undefined, list: Seen[]) => {
    const order = asked++
    const work = askByTcp(host, to, port, over.signal).then(answer => {
      if (answer == null) return
      list.push({ ...answer, order })
      if (list === seen && seen.length === 1) begin(answer.server)
      if (list === seen) askAll(furtherOf(seen, targets))
    })
    asking.push(work)
  }
  const askAll = (further: readonly Endpoint[]) => {
    for (const to of further) {
      if (targets.some(target => sameEndpoint(target, to))) continue
      targets.push(to)
      ask(to, localPort, seen)
    }
  }
  const begin = (first: Endpoint) => {
    timer.cancel()
    const tookMs = host.clock.now() - startMs
    // the fresh ones take as long as that again, and so do servers that this one names
    timer = host.clock.after(Math.max(LEAST_WAIT_MS, tookMs * FURTHER_WAIT), stop)
    for (let i = 0; i < FRESH_CONNECTIONS; i++) ask(first, undefined, fresh)
  }
  askAll([...usualPorts(given), ...given])
  const learning = test.learned.then(nearest => {
    if (nearest == null || over.signal.aborted) return
    askAll(nearest.servers)
    if (seen.length > 0) return
    timer.cancel()
    const waitMs = KNOWN_WAIT_MS + KNOWN_WAIT_ROUND_TRIPS * nearest.rttMs - (host.clock.now() - startMs)
    timer = host.clock.after(Math.max(0, waitMs), stop)
  })
  try {
    await Promise.race([learning, aborted(over.signal)])
    // each answer may have led to further questions
    for (let count = -1; count !== asking.length; ) {
      count = asking.length
      await Promise.all(asking)
    }
  } finally {
    timer.cancel()
    stop()
    signal.removeEventListener('abort', stop)
  }
  for (const list of [seen, fresh]) list.sort((one, other) => one.order - other.order)
  const bindings = seen.map(({ server, public: endpoint }) => ({ server, public: endpoint }))
  return {
    ...none,
    local: canonicalIp((seen[0] ?? fresh[0])?.local.address ?? '') ?? none.local,
    localPort,
    bindings,
    fresh: fresh.map(({ local, public: endpoint }) => ({ localPort: local.port, public: endpoint })),
    hairpin: 'no-means',
    pathMtu: 'no-means',
    cut: signal.aborted
  }
}

/** One request on a connection of its own; undefined when there is no answer, whatever the reason. */
async function askByTcp(
  host: NetHost,
  to: Endpoint,
  localPort: number | undefined,
  signal: AbortSignal
): Promise<Omit<Seen, 'order'> | undefined> {
  let connection: TcpConnection | undefined
  try {
    connection = await host.tcp(to, { signal, ...(localPort == null ? {} : { localPort }) })
    connection.write(stunRequest(host.random))
    const frames = new StunFrames()
    for (;;) {
      const bytes = await connection.read(signal)
      if (bytes == null) return undefined
      const [first] = frames.push(bytes)
      if (first == null) continue
      const told = toldIn(decodeStun(first), to)
      return told == null ? undefined : { server: to, local: connection.local, ...told }
    }
  } catch {
    // refused, silent, or speaking something else: as a STUN server it is not there
    return undefined
  } finally {
    connection?.close()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
