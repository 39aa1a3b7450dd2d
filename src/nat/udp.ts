import { canonicalIp } from '../core/ip.ts'
import type { Endpoint } from '../core/machine.ts'
import type { Family, NetHost, UdpSocket } from '../core/net.ts'
import type { Answer } from './ask.ts'
import type { Samples } from './classify.ts'
import { testFilter } from './filter-test.ts'
import type { FilteringEvidence } from './filtering.ts'
import { testFresh } from './fresh.ts'
import { FIRST, type Patience, patience } from './patience.ts'
import { believable, furtherOf, serversOf, usualPorts } from './servers.ts'
import { freshSockets } from './sockets.ts'
import { Survey } from './survey.ts'

export interface UdpTest {
  readonly host: NetHost
  readonly family: Family
  readonly servers: readonly Endpoint[]
  /** The socket whose mapping counts, which is left open; without one, a socket of our own. */
  readonly shared: UdpSocket | undefined
  /** Our address towards the internet, if that is known. */
  readonly local: string | null
  readonly signal: AbortSignal
  /** Called once, when the nearest server is known and what it has told. */
  readonly onServer?: (nearest: Nearest) => void
}

/** The server that everything further is asked of. */
export interface Nearest {
  readonly server: Endpoint
  readonly rttMs: number
  /** As that server sees us. */
  readonly public: Endpoint
  readonly patience: Patience
  /** Sockets of servers that are known by now. */
  readonly servers: readonly Endpoint[]
  readonly translated: boolean
}

/**
 * Everything about UDP in one family that takes no long waiting (RFC 5780 section 4): what several servers see of one socket, and whom the
 * NAT lets in, how it chooses ports and whether it turns packets around, asked from fresh sockets. Three rounds, two of them together: one
 * round trip to find servers, one for all questions, a part of one for hairpinning; silence takes one and a half more.
 */
export async function testUdp(test: UdpTest): Promise<Samples> {
  const { host, family, signal } = test
  const given = serversOf(test.servers, family)
  const opened = given.length === 0 ? undefined : await open(test)
  if (opened == null) return noSamples(test)
  const over = new AbortController()
  const stop = () => over.abort()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const fresh = await freshSockets(host, family)
  try {
    const survey = new Survey(host, opened, over.signal)
    const prompt = survey.askPromptly(given, FIRST)
    const guesses = survey.ask(usualPorts(given), FIRST)
    await prompt
    if (survey.answers.length === 0) await guesses
    const main = nearestOf(survey.answers)
    if (main == null) return noSamples(test)
    const lossy = survey.answers.some(({ sends }) => sends > 1)
    const patient = patience(main.rttMs, lossy)
    const further = furtherOf(survey.answers, survey.targets)
    const translated = !isOwn(host, main.public, opened.local.port)
    const known = [...survey.answers.map(({ server }) => server), ...further]
    test.onServer?.({ ...main, patience: patient, servers: known, translated })
    const [, asked, filtering] = await Promise.all([
      survey.ask(further, patient.schedule),
      testFresh({ host, fresh, main, patient, translated, signal: over.signal }),
      testFilter({ host, socket: fresh[0], main, schedule: patient.schedule, signal: over.signal })
    ])
    const bindings = survey.bindings
    return {
      ...noSamples(test),
      localPort: opened.local.port,
      bindings,
      ...asked,
      filtering: {
        plain: asked.plain,
        ...filtering,
        ...whoAnswers(
          bindings.map(({ server }) => server),
          main
        )
      }
    }
  } finally {
    stop()
    signal.removeEventListener('abort', stop)
    for (const socket of fresh) socket.close()
    if (opened !== test.shared) opened.close()
  }
}

/** What is known when nobody answers. */
export function noSamples({ host, local, signal }: Pick<UdpTest, 'host' | 'local' | 'signal'>): Samples {
  return {
    own: ownAddresses(host),
    local,
    localPort: 0,
    bindings: [],
    fresh: [],
    filtering: null,
    hairpin: 'few-answers',
    lifetime: 'not-asked',
    pathMtu: 'not-asked',
    cut: signal.aborted
  }
}

export function ownAddresses(host: NetHost): string[] {
  return host.addresses().flatMap(({ address }) => canonicalIp(address.split('%')[0]!) ?? [])
}

function isOwn(host: NetHost, seen: Endpoint, port: number): boolean {
  return seen.port === port && ownAddresses(host).includes(seen.address)
}

async function open({ host, family, shared }: UdpTest): Promise<UdpSocket | undefined> {
  return shared ?? (await host.udp({ family }).catch(() => undefined))
}

/** One that can answer from elsewhere, if there is one; of those the nearest. */
function nearestOf(answers: readonly Answer[]): Answer | undefined {
  const rank = (answer: Answer) => (believable(answer) ? 0 : answer.discovery ? 1 : 2)
  return [...answers].sort((a, b) => rank(a) - rank(b) || a.rttMs - b.rttMs)[0]
}

function whoAnswers(
  servers: readonly Endpoint[],
  main: Answer
): Pick<FilteringEvidence, 'otherAddressAnswers' | 'otherPortAnswers'> {
  const { server, other } = main
  return {
    otherAddressAnswers: servers.some(({ address, port }) => address === other?.address && port === other.port),
    otherPortAnswers: servers.some(({ address, port }) => address === server.address && port !== server.port)
  }
}
