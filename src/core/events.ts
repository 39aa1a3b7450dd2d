import { EventEmitter } from 'node:events'

/** Names of events, each with the one value that its listeners get. */
export type EventMap = Record<string, unknown>

/**
 * Few, typed events. A listener that throws does not keep the others from hearing, nor break what emitted: its error
 * surfaces as an uncaught exception of its own.
 */
export class Events<T extends EventMap> {
  readonly #emitter = new EventEmitter().setMaxListeners(0)

  /** @returns a function that takes the listener away again */
  on<K extends keyof T & string>(event: K, listener: (value: T[K]) => void): () => void {
    this.#emitter.on(event, listener)
    return () => this.#emitter.off(event, listener)
  }

  emit<K extends keyof T & string>(event: K, value: T[K]): void {
    for (const listener of this.#emitter.listeners(event)) {
      try {
        listener(value)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** Forgets every listener. */
  clear(): void {
    this.#emitter.removeAllListeners()
  }
}
