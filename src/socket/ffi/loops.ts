import type { NatError } from '../../core/errors.ts'
import type { Endpoint } from '../../core/machine.ts'
import { exhausted } from '../bind-error.ts'
import type { Flow } from '../flow.ts'
import type { Koffi } from '../koffi.ts'
import type { Outlet } from './batch.ts'
import * as os from './libc.ts'
import { AddressSlots } from './slots.ts'
import { toSockaddr } from './sockaddr.ts'
import { openUdp } from './sockets.ts'

/** An address for sendmmsg to point at. */
export interface Aim {
  slot: number
  low: number
  high: number
  /** 0: nowhere. */
  bytes: number
}

/** The loopback side of one flow. */
export interface Loop extends Outlet {
  readonly port: number
  /** Why there is no socket. */
  readonly error: NatError | undefined
  /** Connected to the engine's socket, so that datagrams can go to it. */
  up: boolean
  flow: Flow<Loop> | undefined
  /** Where the flow sends. */
  readonly main: Aim
  /** Where it sends everything a second time. */
  readonly also: Aim
}

const nowhere = (): Aim => ({ slot: -1, low: 0, high: 0, bytes: 0 })

/** The loopback sockets of all flows, and the addresses that these send to. */
export class Loops {
  readonly #libc: os.Libc
  readonly #slots: AddressSlots

  constructor(koffi: Koffi, libc: os.Libc, maxFlows: number) {
    this.#libc = libc
    // a flow sends to two addresses at most
    this.#slots = new AddressSlots(koffi, 2 * maxFlows)
  }

  /** @param watch tells whether the system watches the descriptor */
  open(enginePort: number | undefined, watch: (fd: number) => boolean): Loop {
    const state = { gso: true, up: false, flow: undefined, main: nowhere(), also: nowhere() }
    let opened: ReturnType<typeof openUdp>
    try {
      opened = openUdp(this.#libc, '127.0.0.1', 0)
    } catch (error) {
      return { ...state, fd: -1, port: 0, error: error as NatError }
    }
    const { fd, port } = opened
    if (!watch(fd)) {
      const error = exhausted(os.errorName(this.#libc))
      this.#libc.close(fd)
      return { ...state, fd: -1, port: 0, error }
    }
    const loop: Loop = { ...state, fd, port, error: undefined }
    if (enginePort != null) this.connect(loop, toSockaddr({ address: '127.0.0.1', port: enginePort }))
    return loop
  }

  /** From now on only that socket of the engine's is heard, and spoken to. */
  connect(loop: Loop, engine: Uint8Array): void {
    loop.up = this.#libc.connect(loop.fd, engine, engine.length) === 0
  }

  aim(aim: Aim, remote: Endpoint | undefined): void {
    aim.bytes = 0
    if (remote == null) {
      this.#slots.give(aim.slot)
      aim.slot = -1
      return
    }
    if (aim.slot < 0) aim.slot = this.#slots.take()
    if (aim.slot < 0) return
    const sockaddr = toSockaddr(remote)
    this.#slots.write(aim.slot, sockaddr)
    const { low, high } = this.#slots.pointer(aim.slot)
    aim.low = low
    aim.high = high
    aim.bytes = sockaddr.length
  }

  close(loop: Loop): void {
    this.aim(loop.main, undefined)
    this.aim(loop.also, undefined)
    this.#libc.close(loop.fd)
  }

  release(): void {
    this.#slots.release()
  }
}
