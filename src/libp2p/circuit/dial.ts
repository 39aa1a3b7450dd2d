import type { Connection, PeerId, UpgraderOptions } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { NatError } from '../../core/errors.ts'
import { type CircuitLimit, type CircuitStatus, hopCodec } from '../../wire/circuit.ts'
import { type Step, takeFrame } from '../frames.ts'
import { multistreamAnswer, multistreamLines } from '../optimistic.ts'
import { circuitAddress } from './address.ts'
import { CircuitConnection } from './connection.ts'
import type { CircuitContext } from './context.ts'
import { connectFrame, openHop } from './hop.ts'
import { refused } from './status.ts'

/**
 * Dials a peer over a relay: CONNECT, the negotiation of the encryption and its first handshake message leave together,
 * without waiting for the relay's answer, nor for the other side's. Two relayed round trips bring the first byte. Relays
 * pass on what follows the CONNECT (go-libp2p, rust-libp2p and js-libp2p do).
 *
 * @throws NatError BAD_ADDRESS, PEER_OFFLINE, HUB_REFUSED, UNSUPPORTED
 */
export async function dialCircuit(
  context: CircuitContext,
  address: Multiaddr,
  options: UpgraderOptions
): Promise<Connection> {
  const { relay, relayAddress, target } = circuitAddress(address)
  const { links } = context
  const timeline = links?.newTimeline()
  const connection = await context.connectTo(relay, [relayAddress], options.signal)
  const { upgrader, connectionProtector } = context.components
  if (links != null && timeline != null && connectionProtector == null && links.fits(target)) {
    timeline.mark('hub')
    try {
      return await links.dial(connection, address, target, timeline, options)
    } catch (error) {
      if (!(error instanceof NatError && error.code === 'UNSUPPORTED')) throw error
    }
  }
  const encrypters = [...upgrader.getConnectionEncrypters().keys()]
  const guess = connectionProtector == null ? encrypters[0] : undefined
  try {
    return await overRelay(context, connection, { address, target, guess }, options)
  } catch (error) {
    const guessedWrong = error instanceof NatError && error.code === 'UNSUPPORTED' && encrypters.length > 1
    if (!guessedWrong) throw error
    return await overRelay(context, connection, { address, target, guess: undefined }, options)
  }
}

interface Circuit {
  readonly address: Multiaddr
  readonly target: PeerId
  /** The encryption that the other side is taken to speak; undefined: it is asked. */
  readonly guess: string | undefined
}

async function overRelay(
  { components, clock, tokenFor }: CircuitContext,
  relay: Connection,
  { address, target, guess }: Circuit,
  options: UpgraderOptions
): Promise<Connection> {
  const stream = await openHop(relay, options)
  let circuit: CircuitConnection | undefined
  let rttMs: number | undefined
  const sentMs = clock.now()
  const answered: Step = () => {
    rttMs = clock.now() - sentMs
    return true
  }
  const status = statusStep(target, relay.remotePeer, limit => circuit?.limitTo(limit))
  circuit = new CircuitConnection({
    stream,
    remoteAddr: address,
    log: stream.log.newScope('circuit'),
    expect: guess == null ? [status] : [status, multistreamAnswer(guess), answered],
    // the upgrader reads at once the answer that it would wait for; the true one is checked when it comes
    ...(guess == null ? {} : { early: multistreamLines(guess) })
  })
  stream.send(connectFrame(relay, target, tokenFor))
  const opened = circuit
  // a getter, because the relay's answer, which tells the limits, comes while the upgrade runs
  const upgradeOptions = Object.defineProperty({ ...options }, 'limits', { get: () => opened.limits, enumerable: true })
  try {
    const connection = await components.upgrader.upgradeOutbound(opened, upgradeOptions)
    if (rttMs != null) connection.rtt = rttMs
    return connection
  } catch (error) {
    const cause = opened.failure ?? error
    opened.abort(cause as Error)
    throw cause
  }
}

/** Takes a relay's answer to a CONNECT off what comes in; it throws what it refuses with. */
export function statusStep(
  target: PeerId,
  relay: PeerId,
  onLimit: (limit: CircuitLimit | undefined) => void,
  onRefused: (status: CircuitStatus | undefined) => void = () => {}
): Step {
  return list => {
    const frame = takeFrame(list, 'circuit hop')
    if (frame == null) return false
    const { type, status, limit, reason } = hopCodec.decode(frame)
    if (type !== 'STATUS') throw new NatError('MALFORMED', `the relay ${relay} answered a CONNECT with no STATUS`)
    if (status !== 'OK') {
      onRefused(status)
      throw refused({ status, reason }, relay, target)
    }
    onLimit(limit)
    return true
  }
}
