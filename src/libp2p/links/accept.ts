import type { PeerId } from '@libp2p/interface'
import { NatError } from '../../core/errors.ts'
import { LINK_PROTOCOL, type LinkAttach, type PipeHello } from '../../wire/link.ts'
import { withPeer } from '../circuit/address.ts'
import type { InboundCircuit } from '../circuit/context.ts'
import { multistreamLines } from '../optimistic.ts'
import { Timeline } from '../timeline.ts'
import type { LinksContext } from './context.ts'
import { discard, joined, limited, tie, upgradeOptions } from './dial.ts'
import { helloFrame, helloStep } from './hello.ts'
import { checkAttach, linkKeys, makeAttach, makeOffer, openOffer } from './offer.ts'
import { carriedBy } from './outbound.ts'
import { RelayPipe } from './pipe.ts'
import type { LinkSession } from './session.ts'
import type { Sessions } from './sessions.ts'

/** A relay has brought a stream for a link: a new one, or a further pipe for one that there is. */
export async function acceptPipe(
  context: LinksContext,
  sessions: Sessions,
  inbound: InboundCircuit,
  signal: AbortSignal
): Promise<void> {
  const { stream, early, relay, peer } = inbound
  const { promise: hello, resolve, reject } = Promise.withResolvers<PipeHello>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  const carrier = new RelayPipe(stream, {
    ...carriedBy(relay),
    clock: context.clock,
    expect: [helloStep(resolve)],
    early,
    onFailed: reject
  })
  try {
    carrier.send(multistreamLines(LINK_PROTOCOL))
    const theirs = await hello
    if (theirs.type === 'ATTACH') attach(sessions, carrier, peer, theirs.attach)
    else if (theirs.type === 'OFFER')
      await begin(context, sessions, inbound, { carrier, envelope: theirs.envelope }, signal)
    else throw new NatError('MALFORMED', 'a link begins with an offer')
  } catch (error) {
    carrier.close()
    throw error
  }
}

function attach(sessions: Sessions, carrier: RelayPipe, peer: PeerId, theirs: LinkAttach): void {
  const session = sessions.byId(Buffer.from(theirs.link).toString('hex'), peer)
  const { keys } = session ?? {}
  if (session == null || keys == null || !checkAttach(keys, theirs, session.attached.theirs)) {
    throw new NatError('LINK_CLOSED', 'there is no such link')
  }
  session.attached.theirs = theirs.number
  if (!session.hasRoom) throw new NatError('LIMIT', 'the link has as many pipes as it may have')
  carrier.send(helloFrame({ type: 'ATTACH', attach: makeAttach(keys, ++session.attached.mine) }))
  session.addPipe(carrier)
}

async function begin(
  context: LinksContext,
  sessions: Sessions,
  { relay, peer, limit }: InboundCircuit,
  { carrier, envelope }: { readonly carrier: RelayPipe; readonly envelope: Uint8Array },
  signal: AbortSignal
): Promise<void> {
  const { components, packetSwitch, engine, candidates, summary, clock } = context
  const { privateKey, peerId, upgrader } = components
  const timeline = new Timeline(() => clock.now())
  const offer = await openOffer(envelope, peer, peerId)
  if (!sessions.seenOffers.take(offer))
    throw new NatError('LINK_CLOSED', 'this offer was made before, and is played again')
  const { serverPort } = engine
  const pipe = packetSwitch.newPipe()
  const flowing = packetSwitch.serve(pipe, serverPort)
  const over = new AbortController()
  let session: LinkSession | undefined
  try {
    const [mine, flow] = await Promise.all([
      makeOffer(privateKey, peer, { candidates: candidates.list(), summary: summary.current() }, offer),
      flowing
    ])
    const keys = linkKeys(mine, offer, 'controlled')
    session = sessions.add({ peer, role: 'controlled', flow, pipe, carrier, timeline })
    session.events.on('close', () => over.abort(new NatError('LINK_CLOSED', 'the link is over')))
    carrier.send(helloFrame({ type: 'OFFER', envelope: mine.envelope }))
    // what is told to the switch later reaches the engine later: no connection comes before it is expected
    const bounded = AbortSignal.any([signal, over.signal])
    const accepting = engine.accept(flow.loopbackPort, bounded)
    accepting.catch(() => {})
    sessions.agree(session, keys, offer)
    const connection = await accepting
    tie(connection, session)
    timeline.mark('handshake')
    // the switch knows now that it is no forged handshake; the session's own use of the flow is enough
    if ((await packetSwitch.accept(flow.loopbackPort)) != null) await packetSwitch.release(flow.flow)
    const remoteAddr = withPeer(relay.remoteAddr, relay.remotePeer).encapsulate(`/p2p-circuit/p2p/${peer}`)
    const maConn = joined(context, sessions, connection, session, remoteAddr, 'inbound')
    await upgrader.upgradeInbound(maConn, { ...upgradeOptions(context, connection, peer, bounded), ...limited(limit) })
    bounded.throwIfAborted()
  } catch (error) {
    if (session != null) session.close()
    else await discard(packetSwitch, pipe, flowing)
    throw error
  }
}
