import type { Clock, Timer } from './clock.ts'

/** One end of a datagram conversation. `address` is a literal IPv4 or IPv6 address, never a name. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

export type Input =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'packet'; readonly bytes: Uint8Array; readonly from: Endpoint }
  | { readonly type: 'cancel' }

export interface Datagram {
  readonly bytes: Uint8Array
  readonly to: Endpoint
}

export interface Step<Event> {
  readonly send?: readonly Datagram[]
  readonly events?: readonly Event[]
  /** When to call with `tick`; absent: only a packet can wake the machine. */
  readonly wakeAtMs?: number
  /** The machine has ended: it takes no more input and its timer goes. */
  readonly done?: boolean
}

/** A datagram protocol without socket, clock or randomness of its own: time and input go in, packets and events come out. */
export interface Machine<Event> {
  step(nowMs: number, input: Input): Step<Event>
}

/** What a machine needs of a network: a way out, and a way to hear. */
export interface DatagramNet {
  /** What cannot be sent is lost, as it may be on the way: never throws. */
  send(datagram: Datagram): void
  /** @returns a function that stops listening */
  onPacket(listener: (bytes: Uint8Array, from: Endpoint) => void): () => void
}

export interface Driven {
  /** Tells the machine to stop, and takes its timer and its listener away. Safe to call twice. */
  cancel(): void
  /** Resolves when the machine has ended by itself or was cancelled. */
  readonly ended: Promise<void>
}

/** Joins a machine to a network and a clock until it is done, is cancelled, or the signal aborts. */
export function drive<Event>(
  machine: Machine<Event>,
  net: DatagramNet,
  clock: Clock,
  onEvent: (event: Event) => void,
  signal?: AbortSignal
): Driven {
  const { promise, resolve } = Promise.withResolvers<void>()
  let timer: Timer | undefined
  let over = false

  const feed = (input: Input) => {
    if (over) return
    timer?.cancel()
    const nowMs = clock.now()
    const step = machine.step(nowMs, input)
    over = step.done === true || input.type === 'cancel'
    if (over) end()
    else if (step.wakeAtMs != null)
      timer = clock.after(Math.max(0, step.wakeAtMs - nowMs), () => feed({ type: 'tick' }))
    for (const datagram of step.send ?? []) net.send(datagram)
    for (const event of step.events ?? []) onEvent(event)
  }
  const cancel = () => feed({ type: 'cancel' })
  const stopListening = net.onPacket((bytes, from) => feed({ type: 'packet', bytes, from }))
  const end = () => {
    timer?.cancel()
    stopListening()
    signal?.removeEventListener('abort', cancel)
    resolve()
  }

  if (signal?.aborted === true) cancel()
  else {
    signal?.addEventListener('abort', cancel, { once: true })
    feed({ type: 'start' })
  }
  return { cancel, ended: promise }
}
