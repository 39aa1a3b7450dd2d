import type { Connection, Stream } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { dialBackCodec, dialBackResponseCodec } from '../../wire/autonat.ts'
import { encodeFrame, Frames } from '../frames.ts'

const ANSWER_MS = 5_000

interface Pending {
  readonly address: Multiaddr
  /** The connections that were there before the question. */
  readonly earlier: ReadonlySet<string>
  readonly arrived: PromiseWithResolvers<void>
}

export interface Expected {
  readonly nonce: bigint
  /** Resolves when the nonce has come, by a connection that proves what was asked. */
  readonly arrived: Promise<void>
  forget(): void
}

/**
 * The nonces that are on their way to us. Who brings one is not asked: a server may dial back under another identity. But
 * it has to come by a new connection from outside, of the kind that was asked about; over one that we made ourselves, or a
 * relay, it would prove nothing.
 */
export class DialBacks {
  readonly #pending = new Map<bigint, Pending>()

  expect(address: Multiaddr, open: readonly Connection[], random: Random): Expected {
    const nonce = Buffer.from(random.bytes(8)).readBigUInt64LE()
    const arrived = Promise.withResolvers<void>()
    this.#pending.set(nonce, { address, earlier: new Set(open.map(({ id }) => id)), arrived })
    return { nonce, arrived: arrived.promise, forget: () => this.#pending.delete(nonce) }
  }

  /** Serves one dial-back stream. */
  async take(stream: Stream, connection: Connection, clock: Clock): Promise<void> {
    try {
      await withDeadline(clock, ANSWER_MS, 'a dial-back', undefined, async signal => {
        const { nonce = 0n } = await new Frames(stream, dialBackCodec, 'AutoNAT dial-back').read(signal)
        const pending = this.#pending.get(nonce)
        if (pending == null || !proves(connection, pending)) {
          throw new NatError('MALFORMED', 'a nonce that was not expected, or not by this connection')
        }
        pending.arrived.resolve()
        stream.send(encodeFrame(dialBackResponseCodec.encode({ status: 'OK' })))
        await stream.close({ signal })
      })
    } catch (error) {
      stream.abort(error as Error)
    }
  }
}

function proves({ direction, direct, id, remoteAddr }: Connection, { address, earlier }: Pending): boolean {
  return direction === 'inbound' && direct && !earlier.has(id) && kindOf(remoteAddr) === kindOf(address)
}

/** The family and what is above it. (What a WebSocket listener tells of its clients ends with TCP.) */
function kindOf(address: Multiaddr): string {
  const names = address.getComponents().map(({ name }) => name)
  return [...names.slice(0, 2), ...names.filter(name => name === 'quic-v1')].join(' ')
}
