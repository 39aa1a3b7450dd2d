import type { Connection, PeerId } from '@libp2p/interface'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { CircuitLimit } from '../../wire/circuit.ts'
import { LINK_PROTOCOL, type PipeHello } from '../../wire/link.ts'
import { statusStep } from '../circuit/dial.ts'
import { connectFrame, openHop } from '../circuit/hop.ts'
import type { Step } from '../frames.ts'
import { multistreamAnswer, multistreamLines } from '../optimistic.ts'
import { pathOfAddress } from '../path.ts'
import type { Timeline } from '../timeline.ts'
import type { LinksContext } from './context.ts'
import { helloStep } from './hello.ts'
import { RelayPipe } from './pipe.ts'

/** From CONNECT to the other side's hello: a relayed round trip, and what it takes to find out that nobody is there. */
const HELLO_MS = 10_000

export interface Outbound {
  readonly pipe: RelayPipe
  /** The other side's hello. It rejects with UNSUPPORTED when the other side does not know the protocol, or may not; with what else goes wrong before. */
  readonly hello: Promise<PipeHello>
  /** The relay has joined us to the other side. */
  joined(): boolean
  /** From our hello to theirs. Milliseconds; known once theirs is there. */
  rttMs(): number
  /** What the relay allows; known once the hello is there. */
  limit(): CircuitLimit | undefined
}

export interface OpenOptions {
  readonly signal: AbortSignal
  readonly timeline?: Timeline
  /** Called when the other side knows no links. `certain`: it has said so; else it has hung up where it would have said so, for whatever reason. */
  readonly onForeign?: (certain: boolean) => void
}

/**
 * Asks a relay for a stream to a peer and sends behind the request, at once, which protocol it is for and our hello: relays pass on
 * what follows a CONNECT. Datagrams may follow without waiting for any answer.
 */
export async function openPipe(
  { clock, tokenFor }: LinksContext,
  relay: Connection,
  target: PeerId,
  hello: Uint8Array,
  options: OpenOptions
): Promise<Outbound> {
  const stream = await openHop(relay, options)
  const { promise, resolve, reject } = Promise.withResolvers<PipeHello>()
  // whoever does not wait for it any more is not to hear of it
  promise.catch(() => {})
  const askedMs = clock.now()
  let answeredMs = askedMs
  let limit: CircuitLimit | undefined
  let joined = false
  let unreached = false
  let speaks = false
  const accepted: Step = () => {
    joined = true
    options.timeline?.mark('accepted')
    return true
  }
  const understood: Step = () => {
    speaks = true
    return true
  }
  const pipe = new RelayPipe(stream, {
    ...carriedBy(relay),
    clock,
    expect: [
      statusStep(
        target,
        relay.remotePeer,
        told => {
          limit = told
        },
        status => {
          unreached = status === 'CONNECTION_FAILED'
        }
      ),
      accepted,
      multistreamAnswer(LINK_PROTOCOL),
      understood,
      helloStep(theirs => {
        answeredMs = clock.now()
        resolve(theirs)
      })
    ],
    onFailed: error => {
      const code = error instanceof NatError ? error.code : undefined
      // who does not know it may also hang up, and over QUIC that makes the refusal void; and its consent before, when the relay has not read that yet
      const mayBeForeign = joined || unreached || code == null || code === 'LINK_CLOSED'
      if (!mayBeForeign || code === 'MALFORMED') {
        reject(error)
        return
      }
      const certain = code === 'UNSUPPORTED'
      // when we have given up, or lost the relay, the end of the stream says nothing of the other side
      const isOurs = options.signal.aborted || relay.status !== 'open'
      if (joined && !speaks && (certain || !isOurs)) options.onForeign?.(certain)
      const what = speaks ? 'begins no link' : `does not speak ${LINK_PROTOCOL}`
      reject(new NatError('UNSUPPORTED', `${target} ${what}: ${error.message}`, { cause: error }))
    }
  })
  pipe.send(Buffer.concat([connectFrame(relay, target, tokenFor), multistreamLines(LINK_PROTOCOL), hello]))
  options.timeline?.mark('sent')
  const answered = withDeadline(clock, HELLO_MS, `an answer of ${target} over the relay`, options.signal, () => promise)
  answered.catch(() => {})
  return { pipe, hello: answered, joined: () => joined, rttMs: () => answeredMs - askedMs, limit: () => limit }
}

/** A relay, as a pipe tells it. */
export function carriedBy(relay: Connection) {
  const { transport, remote } = pathOfAddress(relay.remoteAddr)
  // of two connections to one relay each has its own, which is measured later
  return { transport, remote, relay: relay.remotePeer.toString(), relayRttMs: () => relay.rtt }
}
