/** What a batch of work stands in. */
export interface Transaction {
  begin(): void
  commit(): void
  rollback(): void
}

interface Waiting {
  readonly work: () => void
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/** More would keep the event loop, and all that a hub relays, waiting for longer than some milliseconds. */
const MAX_BATCH = 256

/** Work that is asked for in one turn of the event loop shares a transaction: a commit costs more than what is in it. */
export class GroupCommit {
  readonly #transaction: Transaction
  #waiting: Waiting[] = []
  #next: NodeJS.Immediate | undefined

  constructor(transaction: Transaction) {
    this.#transaction = transaction
  }

  /** Resolves with what the work gave when it is committed; when one piece of a batch fails, all of it has. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let value: T
      this.#waiting.push({
        work: () => {
          value = work()
        },
        done: () => resolve(value),
        failed: reject
      })
      this.#next ??= setImmediate(() => this.#commit())
    })
  }

  /** Commits all that waits. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit()
  }

  #commit(): void {
    clearImmediate(this.#next)
    this.#next = undefined
    const batch = this.#waiting.splice(0, MAX_BATCH)
    if (this.#waiting.length > 0) this.#next = setImmediate(() => this.#commit())
    try {
      this.#transaction.begin()
      for (const { work } of batch) work()
      this.#transaction.commit()
    } catch (error) {
      this.#rollBack()
      for (const { failed } of batch) failed(error)
      return
    }
    for (const { done } of batch) done()
  }

  #rollBack(): void {
    try {
      this.#transaction.rollback()
    } catch {
      // a full disk has rolled it back already
    }
  }
}
