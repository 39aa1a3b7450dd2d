import { frame } from '../../wire/datagrams.ts'
import type { LinksContext, PipeOwner } from './context.ts'
import type { Pipe } from './pipe.ts'

/** The pipes of one link, by the numbers that the switch has given them. */
export class Carriers {
  readonly #context: LinksContext
  readonly #owner: PipeOwner
  readonly #onGone: (pipe: number) => void
  readonly #pipes = new Map<number, Pipe>()

  /** @param onGone a pipe is there no longer, whoever ended it */
  constructor(context: LinksContext, owner: PipeOwner, onGone: (pipe: number) => void) {
    this.#context = context
    this.#owner = owner
    this.#onGone = onGone
  }

  get size(): number {
    return this.#pipes.size
  }

  get(pipe: number): Pipe | undefined {
    return this.#pipes.get(pipe)
  }

  all(): IterableIterator<[number, Pipe]> {
    return this.#pipes.entries()
  }

  /** The relays that the pipes go through. */
  get relays(): readonly string[] {
    return [...this.#pipes.values()].flatMap(({ relay }) => relay ?? [])
  }

  /** Has the switch hear what comes in by it from now on. */
  add(pipe: number, carrier: Pipe): void {
    this.#pipes.set(pipe, carrier)
    this.#context.pipes.set(pipe, this.#owner)
    carrier.start(
      bytes => this.#context.packetSwitch.fromPipe(pipe, bytes),
      reason => this.drop(pipe, reason)
    )
  }

  /** Frames, as the switch makes them. */
  send(pipe: number, frames: Uint8Array): void {
    this.#pipes.get(pipe)?.send(frames)
  }

  sendDatagram(pipe: number, bytes: Uint8Array): void {
    this.#pipes.get(pipe)?.send(frame(bytes))
  }

  drop(pipe: number, reason: string): void {
    const carrier = this.#pipes.get(pipe)
    if (carrier == null) return
    this.#context.log('a pipe of the link with %p ended: %s', this.#owner.peer, reason)
    this.#pipes.delete(pipe)
    this.#context.pipes.delete(pipe)
    this.#context.packetSwitch.closePipe(pipe)
    carrier.close()
    this.#onGone(pipe)
  }

  dropAll(reason: string): void {
    for (const pipe of [...this.#pipes.keys()]) this.drop(pipe, reason)
  }
}
