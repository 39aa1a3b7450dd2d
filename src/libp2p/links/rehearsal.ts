import type { PeerId, PrivateKey } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { Endpoint } from '../../core/machine.ts'
import { secureRandom } from '../../core/random.ts'
import type { Path } from '../../socket/path.ts'
import { PathAgent } from '../../traversal/paths/agent.ts'
import type { AgentInput } from '../../traversal/paths/api.ts'
import { hopCodec } from '../../wire/circuit.ts'
import { type PathCandidate, pathMessageCodec } from '../../wire/path.ts'
import { helloFrame, helloStep } from './hello.ts'
import { type LinkKeys, linkKeys, makeOffer, openOffer } from './offer.ts'

/** The two agents take some thirty inputs to a direct path. */
const MAX_INPUTS = 100
/** Of the networks that are set aside for documentation (RFC 5737); nothing is sent there. */
const ADDRESSES: readonly Endpoint[] = [
  { address: '192.0.2.1', port: 1 },
  { address: '198.51.100.1', port: 1 }
]
const RELAY = '203.0.113.1:1'

export type Rehearsed = 'direct' | 'nothing'

/**
 * Runs once, with ourselves, what both sides of a link run before the first byte. Code that has never run takes ten times as long, and in a
 * program that connects as soon as it has started that was 10 ms of the time to the first byte; while a node starts it mostly waits for its
 * socket and its hubs. No packet leaves.
 *
 * @returns what became of the link that both sides played
 */
export async function rehearse(privateKey: PrivateKey, peerId: PeerId): Promise<Rehearsed> {
  hopCodec.encode({ type: 'CONNECT', peer: { id: peerId.toMultihash().bytes, addrs: [] } })
  const mine = await makeOffer(privateKey, peerId, { candidates: ADDRESSES.map(candidate) })
  const hellos: Uint8Array[] = []
  const step = helloStep(hello => hello.type === 'OFFER' && hellos.push(hello.envelope))
  step(new Uint8ArrayList(helloFrame({ type: 'OFFER', envelope: mine.envelope })))
  const theirs = await openOffer(hellos[0]!, peerId, peerId)
  return play(linkKeys(mine, theirs, 'controlling'))
}

function play({ checks }: LinkKeys): Rehearsed {
  const [random, allowPrivate] = [secureRandom, true] as const
  const agents = [
    new PathAgent({ role: 'controlling', keys: checks, tag: 0, random, allowPrivate }),
    new PathAgent({
      role: 'controlled',
      keys: { ...checks, mine: checks.theirs, theirs: checks.mine },
      tag: 1,
      random,
      allowPrivate
    })
  ] as const
  const over = () => agents.every(({ current }) => current?.kind === 'direct')
  const waiting = ([0, 1] as const).flatMap(to => opening(to).map(input => ({ to, input })))
  let nowMs = 0
  for (let i = 0; i < MAX_INPUTS && !over(); i++) {
    // what is sent is there at once; when nothing is under way both look at the clock
    if (waiting.length === 0) {
      nowMs += 10
      for (const to of [0, 1] as const) waiting.push({ to, input: { type: 'tick' } })
    }
    const { to, input } = waiting.shift()!
    const other = to === 0 ? 1 : 0
    const { send = [], messages = [] } = agents[to].step(nowMs, input)
    for (const { path, bytes } of send) {
      waiting.push({ to: other, input: { type: 'packet', bytes, from: path.kind === 'pipe' ? path : pathTo(to) } })
    }
    for (const message of messages) {
      const read = pathMessageCodec.decode(pathMessageCodec.encode(message))
      waiting.push({ to: other, input: { type: 'message', message: read } })
    }
  }
  return over() ? 'direct' : 'nothing'
}

/** What an agent is told first. */
function opening(of: 0 | 1): AgentInput[] {
  const theirs = candidate(ADDRESSES[1 - of]!)
  return [
    { type: 'pipe', pipe: 1, kind: 'relay', remote: RELAY },
    { type: 'sockets', sockets: [{ socket: 1, family: 4 }] },
    { type: 'candidates', candidates: [candidate(ADDRESSES[of]!)] },
    { type: 'message', message: { type: 'CANDIDATES', seq: 0, candidates: [theirs] } },
    { type: 'start' },
    { type: 'stream' }
  ]
}

function pathTo(side: 0 | 1): Path {
  return { kind: 'udp', socket: 1, remote: ADDRESSES[side]! }
}

function candidate({ address, port }: Endpoint): PathCandidate {
  return { kind: 'observed', transport: 'udp', address, port }
}
