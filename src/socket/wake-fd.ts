import { closeSync, writeSync } from 'node:fs'

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
const open = new Set<WakeFd>()

/** One listener for all of them: a program may have many switches. */
function wakeAll(): void {
  for (const each of open) each.wake()
}

/**
 * An eventfd on which a thread sleeps in the kernel. The thread is woken when the process ends, too: Node waits for its
 * threads, and this one would not notice.
 */
export class WakeFd {
  readonly #fd: number

  constructor(fd: number) {
    this.#fd = fd
    if (open.size === 0) process.on('exit', wakeAll)
    open.add(this)
  }

  wake(): void {
    if (open.has(this)) writeSync(this.#fd, ONE)
  }

  close(): void {
    if (!open.delete(this)) return
    if (open.size === 0) process.off('exit', wakeAll)
    closeSync(this.#fd)
  }
}
