import { NatError } from '../../core/errors.ts'
import type { Koffi } from '../koffi.ts'
import { NAME_BYTES } from './arena.ts'
import * as os from './libc.ts'
import { fromSockaddr, toSockaddr } from './sockaddr.ts'

/** As much as the system allows: a burst must not be lost while this thread is busy with another peer. */
const BUFFER_BYTES = os.int32(4 * 1024 * 1024)
const ON = os.int32(1)

/** A UDP socket on a public address. */
export interface PublicSocket {
  readonly fd: number
  readonly family: number
  /** Cleared when the interface turns out not to take segmented sends (EIO: no checksum offload). */
  gso: boolean
  id: number
}

/** Opens and binds a UDP socket. @throws NatError PORT_TAKEN, NO_NETWORK */
export function openUdp(libc: os.Libc, address: string, port: number): { fd: number; port: number; family: number } {
  const sockaddr = toSockaddr({ address, port })
  const family = sockaddr[0]!
  const fd = libc.socket(family, os.SOCK_DGRAM_NONBLOCK | os.CLOEXEC, 0)
  if (fd < 0) throw new NatError('NO_NETWORK', `no UDP socket for ${address}: errno ${libc.errno()}`)
  for (const name of [os.SO_RCVBUF, os.SO_SNDBUF]) libc.setsockopt(fd, os.SOL_SOCKET, name, BUFFER_BYTES, 4)
  libc.setsockopt(fd, os.SOL_UDP, os.UDP_GRO, ON, 4)
  const probe = os.int32(os.PMTUDISC_PROBE)
  if (family === os.AF_INET6) {
    libc.setsockopt(fd, os.IPPROTO_IPV6, os.IPV6_V6ONLY, ON, 4)
    libc.setsockopt(fd, os.IPPROTO_IPV6, os.IPV6_MTU_DISCOVER, probe, 4)
  } else libc.setsockopt(fd, os.IPPROTO_IP, os.IP_MTU_DISCOVER, probe, 4)
  if (libc.bind(fd, sockaddr, sockaddr.length) !== 0) {
    const errno = libc.errno()
    libc.close(fd)
    throw bindError(address, port, errno === os.EADDRINUSE, `errno ${errno}`)
  }
  const bound = new Uint8Array(NAME_BYTES)
  libc.getsockname(fd, bound, os.int32(NAME_BYTES))
  return { fd, port: fromSockaddr(bound).port, family }
}

export function bindError(address: string, port: number, taken: boolean, detail: string): NatError {
  return taken
    ? new NatError(
        'PORT_TAKEN',
        `UDP port ${port} on ${address} is taken: stop the program that has it, or choose another port`
      )
    : new NatError(
        'NO_NETWORK',
        `cannot listen on ${address} port ${port} (${detail}): is it an address of this machine?`
      )
}

/** Socket addresses in memory that does not move, for sendmmsg to point at: one slot a flow. */
export class AddressSlots {
  readonly #bytes: Uint8Array
  readonly #base: bigint
  readonly #free: number[]
  /** Frees the memory; nothing may point at it any more. */
  readonly release: () => void

  constructor(koffi: Koffi, count: number) {
    const memory = koffi.alloc('uint8_t', count * NAME_BYTES)
    this.release = () => koffi.free(memory)
    this.#base = koffi.address(memory)
    this.#bytes = new Uint8Array(koffi.view(memory, count * NAME_BYTES))
    this.#free = Array.from({ length: count }, (_, i) => count - 1 - i)
  }

  /** @returns a slot, or -1 when there is none; the flow table's bound is the same, so there is */
  take(): number {
    return this.#free.pop() ?? -1
  }

  give(slot: number): void {
    if (slot >= 0) this.#free.push(slot)
  }

  write(slot: number, sockaddr: Uint8Array): void {
    this.#bytes.set(sockaddr, slot * NAME_BYTES)
  }

  pointer(slot: number): { low: number; high: number } {
    const address = this.#base + BigInt(slot * NAME_BYTES)
    return { low: Number(address & 0xffffffffn), high: Number(address >> 32n) }
  }
}
