import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'
import { NatError } from '../../core/errors.ts'
import { type CircuitPeer, type CircuitStatus, type StopMessage, stopCodec } from '../../wire/circuit.ts'
import { LINK_PROTOCOL } from '../../wire/link.ts'
import { Frames } from '../frames.ts'
import { askedProtocol } from '../optimistic.ts'
import { withPeer } from './address.ts'
import { CircuitConnection } from './connection.ts'
import type { CircuitContext } from './context.ts'

/** Takes a connection that a relay brings us; what its peer sent behind the CONNECT may already be there. */
export async function acceptCircuit(
  { components, log, links }: CircuitContext,
  stream: Stream,
  relay: Connection,
  expected: boolean,
  signal: AbortSignal
): Promise<void> {
  const frames = new Frames(stream, stopCodec, 'circuit stop')
  try {
    const answer = await judge(frames, relay, expected, signal)
    const denied =
      'peer' in answer &&
      (await components.connectionGater.denyInboundRelayedConnection?.(relay.remotePeer, answer.peer)) === true
    if (!('peer' in answer) || denied) {
      frames.send({ type: 'STATUS', status: 'peer' in answer ? 'PERMISSION_DENIED' : answer.status })
      await stream.close({ signal })
      return
    }
    frames.send({ type: 'STATUS', status: 'OK' })
    const inward = frames.unwrap()
    let early: Uint8Array | undefined
    if (links != null && components.connectionProtector == null) {
      const asked = await askedProtocol(inward, signal)
      if (asked.protocol === LINK_PROTOCOL) {
        await links.accept({ stream: inward, early: asked.rest, relay, peer: answer.peer, limit: answer.limit }, signal)
        return
      }
      early = asked.whole
    }
    const circuit = new CircuitConnection({
      stream: inward,
      remoteAddr: withPeer(relay.remoteAddr, relay.remotePeer).encapsulate(`/p2p-circuit/p2p/${answer.peer}`),
      log: stream.log.newScope('circuit'),
      ...(early == null ? {} : { early })
    })
    circuit.limitTo(answer.limit)
    const { limits } = circuit
    await components.upgrader.upgradeInbound(circuit, { signal, ...(limits == null ? {} : { limits }) })
  } catch (error) {
    // peers fail in many ways, and say so by errors that are known; anything else is a fault of ours
    const tell = error instanceof NatError || signal.aborted ? log : log.error
    tell('nothing came of a connection by the relay %p - %e', relay.remotePeer, error)
    stream.abort(error as Error)
  }
}

type Judged = { readonly peer: PeerId; readonly limit: StopMessage['limit'] } | { readonly status: CircuitStatus }

async function judge(
  frames: Frames<StopMessage>,
  relay: Connection,
  expected: boolean,
  signal: AbortSignal
): Promise<Judged> {
  try {
    const { type, peer, limit } = await frames.read(signal)
    if (type !== 'CONNECT') return { status: 'UNEXPECTED_MESSAGE' }
    if (!expected || !relay.direct) return { status: 'PERMISSION_DENIED' }
    return { peer: peerOf(peer), limit }
  } catch (error) {
    if (error instanceof NatError && error.code === 'MALFORMED') return { status: 'MALFORMED_MESSAGE' }
    throw error
  }
}

/** @throws NatError MALFORMED */
export function peerOf(peer: CircuitPeer | undefined): PeerId {
  try {
    return peerIdFromMultihash(Digest.decode(peer?.id ?? new Uint8Array(0)))
  } catch (cause) {
    throw new NatError('MALFORMED', 'the message names no peer', { cause })
  }
}
