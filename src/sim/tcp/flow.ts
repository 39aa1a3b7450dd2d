import type { Clock, Timer } from '../../core/clock.ts'
import type { TcpFlags } from '../nat/packet.ts'
import { NOTHING } from '../packet.ts'

/** What one side sends: flags and bytes, at a position in its stream. */
export interface Segment {
  readonly flags: TcpFlags
  readonly seq: number
  readonly ack: number
  readonly payload: Uint8Array
}

/** How a connection ends before its time. */
export type TcpFailure = 'refused' | 'reset' | 'timeout'

export interface FlowEvents {
  send(segment: Segment): void
  onOpen(): void
  onData(bytes: Uint8Array): void
  /** The other side sends no more. */
  onEnd(): void
  onFailure(failure: TcpFailure): void
  /** Nothing more will happen. */
  onGone(): void
}

/** What fits an Ethernet frame beside the headers of IPv6 and TCP. */
const MAX_SEGMENT = 1440
/** RFC 6298 section 2.1; doubled each time. */
const FIRST_TIMEOUT_MS = 1_000
/** As Linux does by default: a connect is given up after 127 s. */
const MAX_RETRIES = 6
/** How long a side that has closed waits for the other to close: Linux's tcp_fin_timeout. */
const FIN_TIMEOUT_MS = 60_000
/** Segments that came too early and are kept. */
const MAX_EARLY = 256

type State = 'syn-sent' | 'syn-received' | 'open' | 'gone'

/**
 * One side of a TCP connection (RFC 9293), as much as NATs and programs with little to say notice: the handshake, simultaneous open
 * too, bytes in order, retransmission, FIN and RST. There are no windows and no congestion control, and no TIME-WAIT.
 */
export class TcpFlow {
  readonly #clock: Clock
  readonly #events: FlowEvents
  #state: State
  /** Sent and not acknowledged yet, in order. */
  readonly #unacked: Segment[] = []
  readonly #early = new Map<number, Segment>()
  #nextSeq = 0
  #expected = 0
  #closed = false
  #otherEnded = false
  #retries = 0
  #timer: Timer | undefined

  constructor(clock: Clock, events: FlowEvents, role: 'client' | 'server') {
    this.#clock = clock
    this.#events = events
    this.#state = role === 'client' ? 'syn-sent' : 'syn-received'
  }

  /** Sends the first SYN. */
  connect(): void {
    this.#transmit({ syn: true }, NOTHING)
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || this.#state === 'gone') return
    for (let at = 0; at < bytes.length; at += MAX_SEGMENT) {
      this.#transmit({ ack: true }, bytes.slice(at, at + MAX_SEGMENT))
    }
  }

  /** Sends the rest and a FIN. */
  close(): void {
    if (this.#closed || this.#state === 'gone') return
    this.#closed = true
    if (this.#state === 'syn-sent') this.#leave()
    else this.#transmit({ fin: true, ack: true }, NOTHING)
  }

  /** Ends at once, without a word. */
  abandon(): void {
    if (this.#state !== 'gone') this.#fail('reset')
  }

  receive(segment: Segment): void {
    if (this.#state === 'gone') return
    if (segment.flags.rst) this.#reset(segment)
    else if (segment.flags.syn) this.#takeSyn(segment)
    else if (this.#state !== 'syn-sent') this.#takeData(segment)
  }

  #reset({ flags, seq, ack }: Segment): void {
    if (this.#state === 'syn-sent') {
      // an old connection's, if it does not answer our SYN
      if (flags.ack && ack === 1) this.#fail('refused')
    } else if (seq === this.#expected) this.#fail('reset')
  }

  #takeSyn({ flags, seq, ack }: Segment): void {
    if (this.#state === 'open') {
      // our acknowledgement was lost
      this.#emit({ ack: true })
      return
    }
    this.#expected = seq + 1
    if (flags.ack && ack >= 1) {
      this.#acknowledged(ack)
      this.#emit({ ack: true })
      this.#open()
    } else if (this.#state === 'syn-sent') {
      // their SYN crossed ours (RFC 9293 section 3.5): ours goes again, as an answer
      this.#state = 'syn-received'
      this.#unacked[0] = this.#segment({ syn: true, ack: true }, 0, NOTHING)
      this.#events.send(this.#unacked[0])
    } else if (this.#nextSeq === 0) this.#transmit({ syn: true, ack: true }, NOTHING)
    else this.#events.send(this.#unacked[0]!)
  }

  #takeData(segment: Segment): void {
    if (!segment.flags.ack) return
    this.#acknowledged(segment.ack)
    if (this.#state === 'syn-received' && segment.ack >= 1) this.#open()
    if (lengthOf(segment) === 0) {
      this.#leaveWhenDone()
      return
    }
    if (segment.seq > this.#expected && this.#early.size < MAX_EARLY) this.#early.set(segment.seq, segment)
    if (segment.seq === this.#expected) this.#take(segment)
    this.#emit({ ack: true })
    this.#leaveWhenDone()
  }

  #take(first: Segment): void {
    for (let next: Segment | undefined = first; next; next = this.#early.get(this.#expected)) {
      this.#early.delete(next.seq)
      this.#expected = next.seq + lengthOf(next)
      if (next.payload.length > 0) this.#events.onData(next.payload)
      if (next.flags.fin) this.#otherEnded = true
      if (next.flags.fin) this.#events.onEnd()
    }
  }

  #acknowledged(ack: number): void {
    let progress = false
    while (this.#unacked.length > 0 && this.#unacked[0]!.seq + lengthOf(this.#unacked[0]!) <= ack) {
      this.#unacked.shift()
      progress = true
    }
    if (!progress) return
    this.#retries = 0
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#unacked.length > 0) this.#setTimer()
    else if (this.#closed && !this.#otherEnded) {
      this.#timer = this.#clock.after(FIN_TIMEOUT_MS, () => this.#leave())
    }
  }

  #open(): void {
    if (this.#state === 'open') return
    this.#state = 'open'
    this.#events.onOpen()
  }

  #transmit(flags: Partial<TcpFlags>, payload: Uint8Array): void {
    const segment = this.#segment(flags, this.#nextSeq, payload)
    this.#nextSeq += lengthOf(segment)
    this.#unacked.push(segment)
    this.#events.send(segment)
    if (!this.#timer) this.#setTimer()
  }

  #setTimer(): void {
    this.#timer = this.#clock.after(FIRST_TIMEOUT_MS * 2 ** this.#retries, () => this.#retransmit())
  }

  #retransmit(): void {
    if (++this.#retries > MAX_RETRIES) {
      this.#fail('timeout')
      return
    }
    for (const segment of this.#unacked) this.#events.send({ ...segment, ack: this.#expected })
    this.#setTimer()
  }

  #emit(flags: Partial<TcpFlags>): void {
    this.#events.send(this.#segment(flags, this.#nextSeq, NOTHING))
  }

  #segment(flags: Partial<TcpFlags>, seq: number, payload: Uint8Array): Segment {
    return {
      flags: { syn: false, ack: false, fin: false, rst: false, ...flags },
      seq,
      ack: flags.ack === true ? this.#expected : 0,
      payload
    }
  }

  #fail(failure: TcpFailure): void {
    this.#events.onFailure(failure)
    this.#leave()
  }

  #leaveWhenDone(): void {
    if (this.#closed && this.#otherEnded && this.#unacked.length === 0) this.#leave()
  }

  #leave(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#timer?.cancel()
    this.#early.clear()
    this.#unacked.length = 0
    this.#events.onGone()
  }
}

/** Of a segment in its stream, where SYN and FIN count as a byte each. */
function lengthOf({ flags, payload }: Segment): number {
  return payload.length + (flags.syn ? 1 : 0) + (flags.fin ? 1 : 0)
}
