import type { ComponentLogger, Connection, Logger, Startable, Stream } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { endpointOf } from '../../libp2p/candidate.ts'
import { RENDEZVOUS_PROTOCOL } from '../../wire/rendezvous.ts'
import type { Access } from '../access/access.ts'
import type { PeerRecords } from '../records/api.ts'
import { RENDEZVOUS_LIMITS, STREAM_ALLOWANCE } from './limits.ts'
import { Session } from './session.ts'

export interface RendezvousComponents {
  readonly registrar: Registrar
  readonly logger: ComponentLogger
}

export interface RendezvousInit {
  readonly records: Pick<PeerRecords, 'join'>
  readonly access: Pick<Access, 'refusal'>
  readonly clock: Clock
}

/** The hub's end of `/beeline/rendezvous/1.0.0` (docs/rendezvous.md). */
export class RendezvousService implements Startable {
  readonly #components: RendezvousComponents
  readonly #init: RendezvousInit
  readonly #log: Logger
  readonly #opened = new Allowance(STREAM_ALLOWANCE)
  /** What ends each session that there is. */
  readonly #sessions = new Set<AbortController>()

  constructor(components: RendezvousComponents, init: RendezvousInit) {
    this.#components = components
    this.#init = init
    this.#log = components.logger.forComponent('beeline:rendezvous:server')
  }

  async start(): Promise<void> {
    await this.#components.registrar.handle(RENDEZVOUS_PROTOCOL, this.#onStream, {
      maxInboundStreams: RENDEZVOUS_LIMITS.maxStreams,
      // a peer that comes over a relay is at that relay, and not here
      runOnLimitedConnection: false
    })
  }

  async stop(): Promise<void> {
    await this.#components.registrar.unhandle(RENDEZVOUS_PROTOCOL)
    for (const session of this.#sessions) session.abort(new NatError('LINK_CLOSED', 'the hub stops'))
  }

  readonly #onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    const { records, access, clock } = this.#init
    const { remotePeer, remoteAddr, direct } = connection
    const key = remotePeer.toString()
    if (!direct) return stream.abort(new NatError('UNSUPPORTED', 'the rendezvous stream is not served over relays'))
    if (!this.#opened.take(key, clock.now())) return stream.abort(new NatError('LIMIT', 'too many streams are opened'))
    const over = new AbortController()
    const { signal } = over
    const session = new Session({ stream, clock, signal, refusal: () => access.refusal(key) })
    const member = records.join(remotePeer, endpointOf(remoteAddr)?.address ?? key, session)
    this.#sessions.add(over)
    try {
      await session.run(member)
    } catch (error) {
      this.#log('the stream of %p ended - %e', remotePeer, error)
      stream.abort(error as Error)
    } finally {
      this.#sessions.delete(over)
      member.leave()
    }
  }
}
