import { isIP, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { type Clock, sleep } from '../../core/clock.ts'
import { canonicalIp } from '../../core/ip.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { Random } from '../../core/random.ts'
import { endpointText } from '../../nat/report.ts'
import type { Reason } from '../../traversal/attempt.ts'
import { MAX_CANDIDATES, type PathCandidate } from '../../wire/path.ts'
import type { TcpRole } from '../../wire/tcp-proof.ts'
import { connectTo } from './connect.ts'
import type { Door } from './door.ts'
import { NotChosen, type ProofKeys, prove } from './proof.ts'
import { connectSimultaneously } from './punch.ts'
import { reset } from './reset.ts'
import type { Targets } from './targets.ts'

export const RAW_PUNCH = {
  /** All in all: SYNs leave after 0, 1 and 3 s (RFC 6298), and what meets by the third of them has a second for its proof. */
  timeoutMs: 5_000,
  /** How long a listener waits once all of our own connects have failed: the other side's SYN, and one repetition. */
  doorMs: 2_000,
  /**
   * How long an earlier connection of ours to that address may keep the port: a link that was closed has a second for its last words, and its TCP
   * connection half a second more.
   */
  lingerMs: 2_000,
  lingerLookMs: 100,
  /** Who may be proving at once that it is the other side, out of those that came to a listener. */
  maxGuests: 16
} as const

export interface RawPunchOptions {
  readonly keys: ProofKeys
  /** Our role on the link. Of several connections the client chooses one. */
  readonly role: TcpRole
  readonly signal?: AbortSignal
  /** @default 5,000 */
  readonly timeoutMs?: number
}

export interface RawPunchInit extends RawPunchOptions {
  readonly localPort: number | undefined
  readonly targets: Targets
  readonly door: Door
  /** Whether anybody can come in by a listener. */
  readonly listening: boolean
  readonly clock: Clock
  readonly random: Random
}

/** A connection that both sides made at once or one to the other's listener, or why there is none. */
export type RawPunched =
  | {
      readonly ok: true
      /** It is proven, has not been read from since, and is paused. */
      readonly socket: Socket
      readonly remote: Endpoint
      readonly ms: number
    }
  | {
      readonly ok: false
      readonly reason: RawPunchReason
      readonly ms: number
      /** For people: what became of each candidate. */
      readonly detail: string
    }

export type RawPunchReason = Extract<
  Reason,
  'no-peer-address' | 'no-answer' | 'refused' | 'port-taken' | 'wrong-peer' | 'unproven' | 'aborted' | 'no-transport'
>

/**
 * Connects to all of these at once, while the other side does the same, and lets in who comes to a listener of ours meanwhile.
 * The first connection that has proven itself wins; all others are reset, so that their ports are free for the next time.
 */
export async function rawPunch(candidates: readonly PathCandidate[], init: RawPunchInit): Promise<RawPunched> {
  const { clock, signal, timeoutMs = RAW_PUNCH.timeoutMs } = init
  const startMs = clock.now()
  const over = new AbortController()
  const end = () => over.abort(new Error('the time is up, or another connection was faster'))
  signal?.addEventListener('abort', end, { once: true })
  const timer = clock.after(timeoutMs, end)
  if (signal?.aborted === true) end()
  const race = new Race(init, over.signal)
  try {
    const won = await race.run(candidates.filter(({ transport }) => transport === 'tcp').slice(0, MAX_CANDIDATES))
    const ms = clock.now() - startMs
    if (won != null) return { ok: true, ms, ...won }
    return { ok: false, ms, detail: race.detail, reason: signal?.aborted === true ? 'aborted' : race.reason }
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', end)
    end()
  }
}

interface Won {
  readonly socket: Socket
  readonly remote: Endpoint
}

/** Of several failures, the first in this order tells most about the whole. */
const TELLING: readonly RawPunchReason[] = ['port-taken', 'unproven', 'wrong-peer', 'refused', 'no-answer']

class Race {
  readonly #init: RawPunchInit
  readonly #over: AbortSignal
  readonly #won = Promise.withResolvers<Won>()
  readonly #guests = new Set<Promise<void>>()
  readonly #failures: { readonly reason: RawPunchReason; readonly text: string }[] = []
  #decided = false

  constructor(init: RawPunchInit, over: AbortSignal) {
    this.#init = init
    this.#over = over
  }

  get reason(): RawPunchReason {
    const reasons = new Set(this.#failures.map(({ reason }) => reason))
    return TELLING.find(reason => reasons.has(reason)) ?? (this.#over.aborted ? 'no-answer' : 'no-peer-address')
  }

  get detail(): string {
    return this.#failures.map(({ text }) => text).join('; ') || 'no address to connect to'
  }

  /** @returns undefined when all has failed, or the time is up */
  async run(candidates: readonly PathCandidate[]): Promise<Won | undefined> {
    const { door, keys, listening, clock } = this.#init
    const closeDoor = door.expect(keys.link, socket => this.#receive(socket))
    const attempts = candidates.map(candidate => this.#attempt(candidate))
    if (listening) attempts.push(sleep(clock, RAW_PUNCH.doorMs, this.#over).catch(() => {}))
    const allFailed = Promise.all(attempts)
      .then(() => Promise.all(this.#guests))
      .then(() => undefined)
    try {
      return await Promise.race([this.#won.promise, allFailed])
    } finally {
      closeDoor()
    }
  }

  async #attempt(remote: PathCandidate): Promise<void> {
    const { localPort, targets, clock } = this.#init
    const address = multiaddr(`/ip${isIP(remote.address)}/${remote.address}/tcp/${remote.port}`)
    targets.yield(address)
    const target = targets.open(address)
    const signal = AbortSignal.any([this.#over, target.signal])
    let socket: Socket | undefined
    const connect = async () => {
      socket = undefined
      socket = await this.#whenFree(() => connectTo(remote, localPort, signal), signal)
      target.answered()
      return await this.#prove(socket, true)
    }
    try {
      const proven = await connectSimultaneously(connect, () => (socket?.bytesRead ?? 0) > 0, clock, signal)
      proven.once('close', target.close)
      this.#won.resolve({ socket: proven, remote: { address: remote.address, port: remote.port } })
    } catch (error) {
      target.close()
      this.#failed(endpointText(remote), reasonOf(error, socket != null), error)
    }
  }

  /** Connects once the port is free towards that address. @throws what the connect failed with */
  async #whenFree(connect: () => Promise<Socket>, signal: AbortSignal): Promise<Socket> {
    const { clock } = this.#init
    for (const untilMs = clock.now() + RAW_PUNCH.lingerMs; ; ) {
      try {
        return await connect()
      } catch (error) {
        if (!isPortTaken(error) || clock.now() >= untilMs) throw error
        await sleep(clock, RAW_PUNCH.lingerLookMs, signal)
      }
    }
  }

  /** Somebody who has come by a listener. */
  #receive(socket: Socket): void {
    if (this.#guests.size >= RAW_PUNCH.maxGuests) {
      reset(socket)
      return
    }
    const remote = { address: canonicalHost(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    const guest = this.#prove(socket, false).then(
      () => this.#won.resolve({ socket, remote }),
      error => this.#failed(`from ${endpointText(remote)}`, reasonOf(error, true), error)
    )
    this.#guests.add(guest)
    void guest.finally(() => this.#guests.delete(guest))
  }

  /** @throws what {@link prove} throws, and the connection is gone then */
  async #prove(socket: Socket, first: boolean): Promise<Socket> {
    const { keys, role, clock, random } = this.#init
    const choose = () => {
      const chosen = !this.#decided
      this.#decided = true
      return chosen
    }
    try {
      await prove(socket, { keys, role, choose, clock, random, signal: this.#over }, first)
      return socket
    } catch (error) {
      reset(socket)
      throw error
    }
  }

  #failed(where: string, reason: RawPunchReason, error: unknown): void {
    if (this.#failures.length >= 2 * MAX_CANDIDATES || error instanceof NotChosen) return
    const { code } = error as NodeJS.ErrnoException
    this.#failures.push({ reason, text: `${where}: ${reason}${code == null ? '' : ` (${code})`}` })
  }
}

/** The system does not let our port go there. */
function isPortTaken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL'
}

/** @param met  whether there was a connection */
function reasonOf(error: unknown, met: boolean): RawPunchReason {
  if (isPortTaken(error)) return 'port-taken'
  switch ((error as NodeJS.ErrnoException).code) {
    case 'MALFORMED':
    case 'WRONG_PEER':
      return 'wrong-peer'
    case 'ECONNREFUSED':
    case 'ECONNRESET':
      return met ? 'unproven' : 'refused'
    default:
      return met ? 'unproven' : 'no-answer'
  }
}

/** A listener for both families shows IPv4 addresses as IPv6. */
function canonicalHost(address: string): string {
  return canonicalIp(address.replace(/^::ffff:(?=\d+\.)/, '')) ?? address
}
