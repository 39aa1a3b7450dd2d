import * as os from './libc.ts'

const MAX_EVENTS = 64
const EVENT = os.epollEvent(process.arch)

/** Which of many descriptors can be read (epoll(7)), level-triggered: what is not read now is told again. */
export class Epoll {
  readonly #libc: os.Libc
  readonly #fd: number
  readonly #events = new Uint8Array(MAX_EVENTS * EVENT.bytes)
  readonly #view = new DataView(this.#events.buffer)

  /** @throws Error when the system has none */
  constructor(libc: os.Libc) {
    this.#libc = libc
    this.#fd = libc.epoll_create1(os.CLOEXEC)
    if (this.#fd < 0) throw new Error(`epoll_create1: ${os.errorName(libc)}`)
  }

  /** Watches until the descriptor is closed. @returns whether the system took it */
  watch(fd: number): boolean {
    const event = new Uint8Array(EVENT.bytes)
    const view = new DataView(event.buffer)
    view.setUint32(0, os.EPOLLIN, true)
    view.setInt32(EVENT.fdAt, fd, true)
    return this.#libc.epoll_ctl(this.#fd, os.EPOLL_CTL_ADD, fd, event) === 0
  }

  /** Sleeps for so long at most, rounded up, or not at all. @returns who can be read, or has an error to tell */
  wait(timeoutMs: number): number[] {
    const rounded = Math.ceil(Math.max(0, timeoutMs))
    const count = this.#libc.epoll_wait(this.#fd, this.#events, MAX_EVENTS, rounded)
    return Array.from({ length: Math.max(0, count) }, (_, i) => this.#view.getInt32(i * EVENT.bytes + EVENT.fdAt, true))
  }

  close(): void {
    this.#libc.close(this.#fd)
  }
}
