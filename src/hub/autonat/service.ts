import type { ComponentLogger, Connection, Logger, Startable, Stream } from '@libp2p/interface'
import type { AddressManager, Registrar } from '@libp2p/interface-internal'
import { Allowance } from '../../core/allowance.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import { ipScope } from '../../core/ip.ts'
import { endpointOf } from '../../libp2p/candidate.ts'
import { Frames } from '../../libp2p/frames.ts'
import type { Family } from '../../libp2p/quic/address.ts'
import {
  type AutonatMessage,
  autonatCodec,
  DIAL_REQUEST_PROTOCOL,
  type DialRequest,
  type DialResponse,
  MAX_AUTONAT_BYTES
} from '../../wire/autonat.ts'
import { type Choice, chooseAddress } from './choose.ts'
import { collectDialData, dialBack, type Tools } from './dial-back.ts'
import { Dialer, type Transports } from './dialer.ts'
import { AUTONAT_LIMITS, FOREIGN_ALLOWANCE, GLOBAL_ALLOWANCE, PEER_ALLOWANCE } from './limits.ts'

export interface AutonatServerComponents {
  readonly registrar: Registrar
  readonly addressManager: AddressManager
  readonly logger: ComponentLogger
}

export interface AutonatServerInit extends Tools {
  readonly transports: () => Transports
  readonly hosts: readonly string[]
  readonly allowPrivate: boolean
}

const REJECTED: DialResponse = { status: 'E_REQUEST_REJECTED' }

/** AutoNAT v2, the server's side. https://github.com/libp2p/specs/blob/master/autonat/autonat-v2.md */
export class AutonatServer implements Startable {
  readonly #components: AutonatServerComponents
  readonly #init: AutonatServerInit
  readonly #dialer: Dialer
  readonly #log: Logger
  readonly #peers = new Allowance(PEER_ALLOWANCE)
  readonly #global = new Allowance(GLOBAL_ALLOWANCE)
  readonly #foreign = new Allowance(FOREIGN_ALLOWANCE)
  /** Requests in hand, by peer. */
  readonly #inHand = new Map<string, number>()
  #requests = 0
  #dials = 0
  #stopping = new AbortController()

  constructor(components: AutonatServerComponents, init: AutonatServerInit) {
    this.#components = components
    this.#init = init
    this.#dialer = new Dialer(init.transports)
    this.#log = components.logger.forComponent('beeline:autonat:server')
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    // over a relay too, to be told so
    await this.#components.registrar.handle(DIAL_REQUEST_PROTOCOL, this.#onRequest, {
      maxInboundStreams: AUTONAT_LIMITS.maxRequestsFrom + 2,
      runOnLimitedConnection: true
    })
  }

  async stop(): Promise<void> {
    await this.#components.registrar.unhandle(DIAL_REQUEST_PROTOCOL)
    this.#stopping.abort(new NatError('LINK_CLOSED', 'the hub stops'))
    await this.#dialer.stop()
  }

  readonly #onRequest = async (stream: Stream, connection: Connection): Promise<void> => {
    const { clock } = this.#init
    const { signal } = this.#stopping
    const frames = new Frames(stream, autonatCodec, 'AutoNAT', MAX_AUTONAT_BYTES)
    const release = this.#admit(connection)
    try {
      const { dialRequest } = await withDeadline(clock, AUTONAT_LIMITS.messageMs, 'a request', signal, limit =>
        frames.read(limit)
      )
      if (dialRequest == null) throw new NatError('MALFORMED', 'an AutoNAT stream began without a request')
      const dialResponse = release == null ? REJECTED : await this.#serve(frames, dialRequest, connection, signal)
      this.#log('%p: %o', connection.remotePeer, dialResponse)
      await withDeadline(clock, AUTONAT_LIMITS.messageMs, 'the answer', signal, async limit => {
        frames.send({ dialResponse })
        await stream.close({ signal: limit })
      })
    } catch (error) {
      this.#log('a request of %p came to nothing - %e', connection.remotePeer, error)
      stream.abort(error as Error)
    } finally {
      release?.()
    }
  }

  /** @returns what gives the request's place back; undefined when it is one too many */
  #admit({ remotePeer, direct }: Connection): (() => void) | undefined {
    const key = remotePeer.toString()
    const ofPeer = this.#inHand.get(key) ?? 0
    // over a relay, the address that the peer comes from is not its own
    if (!direct || this.#requests >= AUTONAT_LIMITS.maxRequests || ofPeer >= AUTONAT_LIMITS.maxRequestsFrom) {
      return undefined
    }
    const nowMs = this.#init.clock.now()
    if (!this.#peers.take(key, nowMs) || !this.#global.take('', nowMs)) return undefined
    this.#requests++
    this.#inHand.set(key, ofPeer + 1)
    return () => {
      this.#requests--
      const left = this.#inHand.get(key)! - 1
      if (left === 0) this.#inHand.delete(key)
      else this.#inHand.set(key, left)
    }
  }

  async #serve(
    frames: Frames<AutonatMessage>,
    { addrs, nonce = 0n }: DialRequest,
    { remotePeer, remoteAddr }: Connection,
    signal: AbortSignal
  ): Promise<DialResponse> {
    const own = endpointOf(remoteAddr)?.address
    const choice = await this.#choose(addrs, remotePeer.toString(), own)
    if (choice == null) return { status: 'E_DIAL_REFUSED' }
    if (choice.host !== own) {
      if (!this.#foreign.take(choice.host, this.#init.clock.now())) return REJECTED
      await collectDialData(frames, choice.index, this.#init, signal)
    }
    if (this.#dials >= AUTONAT_LIMITS.maxDials) return REJECTED
    this.#dials++
    try {
      const from = this.#hostsFor(choice)
      const dialStatus = await dialBack(this.#dialer, choice, from, nonce, this.#init.clock, signal)
      return { status: 'OK', addrIdx: choice.index, dialStatus }
    } catch (error) {
      signal.throwIfAborted()
      this.#log.error('could not dial %a - %e', choice.address, error)
      return { status: 'E_INTERNAL_ERROR' }
    } finally {
      this.#dials--
    }
  }

  async #choose(addrs: readonly Uint8Array[], peer: string, own: string | undefined): Promise<Choice | undefined> {
    const transportFor = await this.#dialer.transports()
    const ours = this.#components.addressManager.getAddresses().map(address => endpointOf(address)?.address)
    return chooseAddress(addrs, {
      peer,
      own,
      families: new Set(ours.flatMap(host => (host == null ? [] : [familyOf(host)]))),
      allowPrivate: this.#init.allowPrivate,
      maxAddresses: AUTONAT_LIMITS.maxAddresses,
      canDial: address => transportFor(address) != null
    })
  }

  /** Those of our addresses that reach as far as the one dialled; from a private one there may be no way to it. */
  #hostsFor({ family, host }: Choice): readonly string[] {
    const scope = ipScope(host)
    const hosts = this.#init.hosts.filter(own => familyOf(own) === family && ipScope(own) === scope)
    return hosts.length > 0 ? hosts : [family === 4 ? '0.0.0.0' : '::']
  }
}

function familyOf(host: string): Family {
  return host.includes(':') ? 6 : 4
}
