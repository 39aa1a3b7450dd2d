import type { PeerId, Stream } from '@libp2p/interface'
import type { ConnectionManager } from '@libp2p/interface-internal'
import type { Clock } from '../../core/clock.ts'
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
import { type Refusal, refused } from './refusal.ts'
import type { Reservations } from './reservations.ts'
import { forward } from './splice.ts'
import type { Traffic } from './traffic.ts'

export interface Relaying {
  readonly connectionManager: ConnectionManager
  readonly self: PeerId
  readonly reservations: Reservations
  readonly circuits: Circuits
  readonly traffic: Traffic
  readonly clock: Clock
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
 * @returns why not; nothing when they are joined
 */
export async function relayCircuit(
  relaying: Relaying,
  { frames, from, target }: Request,
  signal: AbortSignal
): Promise<Refusal | undefined> {
  const { reservations, circuits, traffic, clock, limits, limit } = relaying
  const to = readPeer(target)
  if (to == null) return refused('MALFORMED_MESSAGE')
  if (to.equals(from) || to.equals(relaying.self))
    return refused('PERMISSION_DENIED', 'it joins two peers that are not one')
  const connection = reservations.has(to) ? preferred(relaying.connectionManager.getConnections(to)) : undefined
  if (connection == null) return refused('NO_RESERVATION')
  const maker = from.toString()
  const overdrawn = traffic.refusal(maker)
  if (overdrawn != null) return refused('RESOURCE_LIMIT_EXCEEDED', overdrawn)
  const place = circuits.take(maker, to.toString())
  if ('refusal' in place) return refused('RESOURCE_LIMIT_EXCEEDED', place.refusal)
  const { release } = place
  let onward: Stream | undefined
  try {
    onward = await connection.newStream(STOP_PROTOCOL, { signal, maxOutboundStreams: limits.maxCircuitsTo })
    const stop = new Frames(onward, stopCodec, 'circuit stop')
    const peer = { id: from.toMultihash().bytes, addrs: [] }
    stop.send({ type: 'CONNECT', peer, ...(limit == null ? {} : { limit }) })
    const inward = frames.unwrap()
    forward(inward, onward, traffic.toll(maker), clock)
    const status = await accepted(stop, signal)
    if (status !== 'OK') {
      release()
      return refused(status)
    }
    inward.send(answer({ type: 'STATUS', status: 'OK', ...(limit == null ? {} : { limit }) }))
    forward(stop.unwrap(), inward, traffic.toll(maker), clock)
    endWith(inward, onward, limits.circuitSeconds, release)
    return undefined
  } catch {
    release()
    onward?.abort(new NatError('LINK_CLOSED', 'the relayed connection was not accepted'))
    return refused('CONNECTION_FAILED')
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
