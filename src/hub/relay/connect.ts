import type { PeerId, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import { NatError } from '../../core/errors.ts'
import { preferred } from '../../libp2p/circuit/connect.ts'
import { peerOf } from '../../libp2p/circuit/stop.ts'
import { encodeFrame, Frames } from '../../libp2p/frames.ts'
import {
  type CircuitLimit,
  type CircuitPeer,
  type CircuitStatus,
  type HopMessage,
  hopCodec,
  STOP_PROTOCOL,
  type StopMessage,
  stopCodec
} from '../../wire/circuit.ts'
import type { Circuits } from './circuits.ts'
import type { RelayLimits } from './limits.ts'
import type { Reservations } from './reservations.ts'
import { forward } from './splice.ts'

export interface Relaying {
  readonly connectionManager: ConnectionManager
  readonly self: PeerId
  readonly reservations: Reservations
  readonly circuits: Circuits
  readonly limits: RelayLimits
  /** What both ends are told. */
  readonly limit?: CircuitLimit
}

interface Request {
  readonly frames: Frames<HopMessage>
  readonly from: PeerId
  readonly target: CircuitPeer | undefined
}

/**
 * Joins a peer's stream to one that is opened to the other peer. What the first sends behind its CONNECT follows the
 * CONNECT to the other at once, which saves a round trip; nothing goes back before the other has accepted.
 *
 * @returns OK, or why not
 */
export async function relayCircuit(
  relaying: Relaying,
  { frames, from, target }: Request,
  signal: AbortSignal
): Promise<CircuitStatus> {
  const { reservations, circuits, limits, limit } = relaying
  const to = readPeer(target)
  if (to == null) return 'MALFORMED_MESSAGE'
  if (to.equals(from) || to.equals(relaying.self)) return 'PERMISSION_DENIED'
  const connection = reservations.has(to) ? preferred(relaying.connectionManager.getConnections(to)) : undefined
  if (connection == null) return 'NO_RESERVATION'
  const release = circuits.take(from.toString(), to.toString())
  if (release == null) return 'RESOURCE_LIMIT_EXCEEDED'
  let onward: Stream | undefined
  try {
    onward = await connection.newStream(STOP_PROTOCOL, { signal, maxOutboundStreams: limits.maxCircuitsTo })
    const stop = new Frames(onward, stopCodec, 'circuit stop')
    const peer = { id: from.toMultihash().bytes, addrs: [] }
    stop.send({ type: 'CONNECT', peer, ...(limit == null ? {} : { limit }) })
    const inward = frames.unwrap()
    forward(inward, onward, limits.circuitBytes)
    const status = await accepted(stop, signal)
    if (status !== 'OK') {
      release()
      return status
    }
    inward.send(answer({ type: 'STATUS', status: 'OK', ...(limit == null ? {} : { limit }) }))
    forward(stop.unwrap(), inward, limits.circuitBytes)
    endWith(inward, onward, limits.circuitSeconds, release)
    return 'OK'
  } catch {
    release()
    onward?.abort(new NatError('LINK_CLOSED', 'the relayed connection was not accepted'))
    return 'CONNECTION_FAILED'
  }
}

function readPeer(target: CircuitPeer | undefined): PeerId | undefined {
  try {
    return peerOf(target)
  } catch {
    return undefined
  }
}

async function accepted(stop: Frames<StopMessage>, signal: AbortSignal): Promise<CircuitStatus> {
  const { type, status } = await stop.read(signal)
  if (type === 'STATUS' && status === 'OK') return 'OK'
  void stop.stream.close().catch(error => stop.stream.abort(error))
  return status === 'PERMISSION_DENIED' || status === 'RESOURCE_LIMIT_EXCEEDED' ? status : 'CONNECTION_FAILED'
}

function answer(message: HopMessage): Uint8Array {
  return encodeFrame(hopCodec.encode(message))
}

/** Gives the circuit's place back when both streams are done, and ends them when their time is over. */
function endWith(inward: Stream, onward: Stream, seconds: number, release: () => void): void {
  const streams = [inward, onward]
  const timer =
    seconds === 0
      ? undefined
      : setTimeout(() => {
          const over = new NatError('LIMIT', `a relayed connection may last ${seconds} s`)
          for (const stream of streams) stream.abort(over)
        }, seconds * 1_000)
  timer?.unref()
  let open = streams.length
  const onClose = () => {
    if (--open > 0) return
    clearTimeout(timer)
    release()
  }
  for (const stream of streams) {
    if (stream.status === 'open' || stream.status === 'closing')
      stream.addEventListener('close', onClose, { once: true })
    else onClose()
  }
}
