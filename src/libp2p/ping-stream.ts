import type { Connection, NewStreamOptions, Stream } from '@libp2p/interface'
import type { Clock } from '../core/clock.ts'
import { withDeadline } from '../core/deadline.ts'
import { type ErrorCode, NatError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { EagerOptions } from './optimistic.ts'
import { PING, roundTrips } from './round-trips.ts'

export interface PingTools {
  readonly clock: Clock
  readonly random: Random
}

interface Open {
  readonly stream: Stream
  readonly trips: AsyncGenerator<number, never, void>
}

/**
 * Pings over a connection, one after the other on one stream: a new one for each would cost four packets more. Where the other side ends it, as js-libp2p
 * does after ten seconds, the next ping opens another.
 */
export class PingStream {
  readonly #connection: Connection
  readonly #tools: PingTools
  readonly #over = new AbortController()
  #open: Open | undefined

  constructor(connection: Connection, tools: PingTools) {
    this.#connection = connection
    this.#tools = tools
  }

  /**
   * Whether bytes go both ways: every libp2p answers a ping, by an echo or by saying that it does not know it.
   *
   * @param ms how long the answer may take
   */
  async answers(ms: number, signal: AbortSignal): Promise<boolean> {
    let open: Open | undefined
    try {
      const what = `a ping over ${this.#connection.remoteAddr}`
      await withDeadline(this.#tools.clock, ms, what, signal, async limit => {
        open = isUsable(this.#open) ? this.#open : await this.#begin(limit)
        await open.trips.next()
      })
      // another ping has opened one in the same moment
      if (open !== this.#open) open?.stream.abort(CLOSED)
      return true
    } catch (error) {
      const { name, code } = error as { name?: string; code?: unknown }
      const answered = code === UNSUPPORTED || ANSWERS.has(name ?? '') || open?.stream.status === 'reset'
      open?.stream.abort(error as Error)
      return answered && this.#connection.status === 'open'
    }
  }

  /** Not by a FIN, which would wait for the other side: until then js-libp2p would refuse the application's own ping. */
  close(): void {
    this.#over.abort(CLOSED)
    this.#open?.stream.abort(CLOSED)
  }

  async #begin(limit: AbortSignal): Promise<Open> {
    const options: NewStreamOptions & EagerOptions = { signal: limit, runOnLimitedConnection: true, eager: true }
    const stream = await this.#connection.newStream(PING, options)
    const open = { stream, trips: roundTrips(stream, this.#tools, this.#over.signal) }
    // given up while it was opened: nobody else closes it
    if (limit.aborted || this.#over.signal.aborted) stream.abort(CLOSED)
    else this.#open = open
    return open
  }
}

const CLOSED = new NatError('LINK_CLOSED', 'nobody asks by it any more')

/** What our optimistic negotiation says when the other side does not speak ping. */
const UNSUPPORTED: ErrorCode = 'UNSUPPORTED'

/** Failures that only an answer can cause (the last is ours, raised after the other side had agreed to the protocol). */
const ANSWERS = new Set(['UnsupportedProtocolError', 'StreamResetError', 'TooManyOutboundProtocolStreamsError'])

function isUsable(open: Open | undefined): open is Open {
  const { status, writeStatus, remoteWriteStatus } = open?.stream ?? {}
  return status === 'open' && writeStatus === 'writable' && remoteWriteStatus === 'writable'
}
