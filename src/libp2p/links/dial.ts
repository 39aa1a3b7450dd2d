import type { Connection, PeerId, UpgraderOptions } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'
import type { FlowInfo } from '../../socket/plane.ts'
import type { PacketSwitch } from '../../socket/switch.ts'
import { LINK_PROTOCOL } from '../../wire/link.ts'
import { peerOf } from '../quic/address.ts'
import { QuicConnection } from '../quic/connection.ts'
import type { EngineConnection } from '../quic/engine.ts'
import { quicMuxer } from '../quic/muxer.ts'
import type { Timeline } from '../timeline.ts'
import type { LinksContext } from './context.ts'
import { helloFrame } from './hello.ts'
import { linkKeys, makeOffer, openOffer } from './offer.ts'
import { type Outbound, openPipe } from './outbound.ts'
import type { LinkSession } from './session.ts'
import { type Sessions, tooMany } from './sessions.ts'

export interface LinkDial {
  readonly relay: Connection
  readonly address: Multiaddr
  readonly target: PeerId
  readonly timeline: Timeline
  /** As for {@link openPipe}. */
  readonly onForeign: (certain: boolean) => void
}

/**
 * Begins a link over a relay: CONNECT, our offer and the QUIC handshake leave together. Two relayed round trips bring the first byte.
 *
 * @throws NatError UNSUPPORTED when the other side knows no links, or wants none; PEER_OFFLINE, HUB_REFUSED, WRONG_PEER, MALFORMED, TIMEOUT
 */
export async function dialLink(
  context: LinksContext,
  sessions: Sessions,
  { relay, address, target, timeline, onForeign }: LinkDial,
  options: UpgraderOptions
): Promise<Connection> {
  const { components, packetSwitch, engine, candidates, summary } = context
  const { privateKey, peerId } = components
  const pipe = packetSwitch.newPipe()
  const flowing = packetSwitch.dial({ kind: 'pipe', pipe })
  let opened: Outbound | undefined
  let session: LinkSession | undefined
  try {
    const told = { candidates: candidates.list(), summary: summary.current() }
    const [mine, flow] = await Promise.all([makeOffer(privateKey, target, told), flowing])
    const hello = helloFrame({ type: 'OFFER', envelope: mine.envelope })
    opened = await openPipe(context, relay, target, hello, { signal: options.signal, timeline, onForeign })
    const begun = sessions.add({ peer: target, role: 'controlling', flow, pipe, carrier: opened.pipe, timeline })
    session = begun
    const over = new AbortController()
    const signal = AbortSignal.any([options.signal, over.signal])
    begun.events.on('close', () => over.abort(new NatError('LINK_CLOSED', 'the link is over')))
    const connecting = engine.connect(flow.loopbackPort, signal)
    const { hello: answer, rttMs, limit } = opened
    const agreed = answer.then(async theirs => {
      if (theirs.type !== 'OFFER') throw new NatError('MALFORMED', `${target} answered an offer with no offer`)
      const offer = await openOffer(theirs.envelope, target, peerId, mine)
      sessions.agree(begun, linkKeys(mine, offer, 'controlling'), offer, rttMs())
    })
    agreed.catch(error => over.abort(error))
    const connection = await connecting
    tie(connection, begun)
    timeline.mark('handshake')
    // the offer came before the handshake, or was lost with the pipe
    await agreed
    const maConn = joined(context, sessions, connection, begun, address, 'outbound')
    const upgraded = await components.upgrader.upgradeOutbound(maConn, {
      ...upgradeOptions(context, connection, target, signal),
      ...limited(limit())
    })
    // the upgrader looks at the signal before it asks the gater, and not after
    signal.throwIfAborted()
    return upgraded
  } catch (error) {
    if (session != null) session.close()
    else {
      opened?.pipe.close()
      await discard(packetSwitch, pipe, flowing)
    }
    throw error
  }
}

/** Nothing came of a link before there was a session for it. @param flowing the flow that was opened for the pipe, or what was thrown in its place */
export async function discard(packetSwitch: PacketSwitch, pipe: number, flowing: Promise<FlowInfo>): Promise<void> {
  packetSwitch.closePipe(pipe)
  await flowing.then(({ flow }) => packetSwitch.release(flow, true)).catch(() => {})
}

/** From when the engine has the connection it is over with the session, though libp2p may not have it yet. @throws NatError LINK_CLOSED when it is over by now */
export function tie(connection: EngineConnection, session: LinkSession): void {
  if (session.over) {
    connection.abort()
    throw new NatError('LINK_CLOSED', 'the link is over')
  }
  session.events.on('close', () => connection.abort())
}

/** The engine's connection as libp2p takes it, closed and gone together with the session. @throws NatError WRONG_PEER, LIMIT */
export function joined(
  { components, log }: LinksContext,
  sessions: Sessions,
  connection: EngineConnection,
  session: LinkSession,
  remoteAddr: Multiaddr,
  direction: 'inbound' | 'outbound'
): QuicConnection {
  const peer = peerOf(multiaddr(connection.remoteMultiaddr()))
  if (peer !== session.peer.toString()) {
    connection.abort()
    throw new NatError('WRONG_PEER', `${peer ?? 'somebody without a peer id'} answered in place of ${session.peer}`)
  }
  if (direction === 'inbound' && !sessions.hasRoom(session.peer)) {
    connection.abort()
    throw tooMany(session.peer)
  }
  const maConn = new QuicConnection({
    connection,
    remoteAddr,
    direction,
    log: components.logger.forComponent(`beeline:link:${direction}`)
  })
  maConn.addEventListener('close', () => session.close(), { once: true })
  session.events.on('close', () => {
    if (maConn.status === 'open') maConn.abort(new NatError('LINK_CLOSED', 'the link is over'))
  })
  sessions.expect(session, maConn.timeline)
  log.trace('the link with %p is there', session.peer)
  return maConn
}

export function upgradeOptions(
  { components }: LinksContext,
  connection: EngineConnection,
  remotePeer: PeerId,
  signal: AbortSignal
) {
  const muxerFactory = quicMuxer(connection, components.logger, LINK_PROTOCOL)
  return { skipEncryption: true, skipProtection: true, remotePeer, muxerFactory, signal } as const
}

/** What a relay allows, as js-libp2p tells it; nothing when it set no limit. */
export function limited(limit: { readonly duration?: number; readonly data?: number } | undefined) {
  const { duration = 0, data = 0 } = limit ?? {}
  if (duration === 0 && data === 0) return {}
  return {
    limits: { ...(data === 0 ? {} : { bytes: BigInt(data) }), ...(duration === 0 ? {} : { seconds: duration }) }
  }
}
