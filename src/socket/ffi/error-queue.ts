import type { Endpoint } from '../../core/machine.ts'
import type { IcmpError } from '../../core/net.ts'
import type { Koffi } from '../koffi.ts'
import { IP_RECVERR, IPPROTO_IP, IPPROTO_IPV6, IPV6_RECVERR, MSG_DONTWAIT } from './libc.ts'
import { fromSockaddr } from './sockaddr.ts'

const MSG_ERRQUEUE = 0x2000
/** sizeof(struct msghdr) and of struct iovec on 64-bit Linux. */
const HEADER_BYTES = 56
const IOVEC_BYTES = 16
const NAME_BYTES = 32
const CONTROL_BYTES = 256
const PAYLOAD_BYTES = 2_048
/** sizeof(struct cmsghdr), and of struct sock_extended_err, behind which the router's address stands. */
const CMSG_BYTES = 16
const EXTENDED_BYTES = 16
/** A stranger must not keep us here. */
const MAX_AT_ONCE = 64

/** SO_EE_ORIGIN_ICMP and SO_EE_ORIGIN_ICMP6; others are the system's own. */
const ICMP = 2
const ICMP6 = 3
/** By origin and type; of IPv4's "unreachable", code 4 says that the packet was too big (RFC 1191). */
const TYPES: Readonly<Record<string, IcmpError['type']>> = {
  [`${ICMP} 3`]: 'unreachable',
  [`${ICMP} 11`]: 'time-exceeded',
  [`${ICMP6} 1`]: 'unreachable',
  [`${ICMP6} 2`]: 'too-big',
  [`${ICMP6} 3`]: 'time-exceeded'
}
const FRAGMENTATION_NEEDED = 4

/** Reads what has come to one socket: datagrams, and the ICMP errors about what it sent (recvmsg(2), ip(7)). */
export class ErrorQueue {
  readonly #koffi: Koffi
  readonly #fd: number
  readonly #memory: unknown
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #base: bigint
  readonly #recvmsg: (fd: number, header: bigint, flags: number) => number | bigint

  readonly #iovecAt = HEADER_BYTES
  readonly #nameAt = this.#iovecAt + IOVEC_BYTES
  readonly #controlAt = this.#nameAt + NAME_BYTES
  readonly #payloadAt = this.#controlAt + CONTROL_BYTES

  constructor(koffi: Koffi, fd: number) {
    this.#koffi = koffi
    this.#fd = fd
    const size = this.#payloadAt + PAYLOAD_BYTES
    this.#memory = koffi.alloc('uint8_t', size)
    this.#base = koffi.address(this.#memory)
    this.#bytes = new Uint8Array(koffi.view(this.#memory, size))
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, size)
    this.#recvmsg = koffi.load(null).func('int64 recvmsg(int, void *, int)')
  }

  *errors(): Generator<IcmpError> {
    for (let i = 0; i < MAX_AT_ONCE; i++) {
      if (this.#receive(MSG_ERRQUEUE) == null) return
      const error = this.#error()
      if (error != null) yield error
    }
  }

  *packets(): Generator<{ bytes: Uint8Array; from: Endpoint }> {
    for (let i = 0; i < MAX_AT_ONCE; i++) {
      const length = this.#receive(0)
      if (length == null) return
      const bytes = this.#bytes.slice(this.#payloadAt, this.#payloadAt + length)
      yield { bytes, from: fromSockaddr(this.#bytes.slice(this.#nameAt, this.#controlAt)) }
    }
  }

  free(): void {
    this.#koffi.free(this.#memory)
  }

  /** @returns the payload's length; undefined when nothing is there */
  #receive(flags: number): number | undefined {
    const long = (at: number, value: bigint) => this.#view.setBigUint64(at, value, true)
    const at = (offset: number) => this.#base + BigInt(offset)
    long(0, at(this.#nameAt))
    long(8, BigInt(NAME_BYTES))
    long(16, at(this.#iovecAt))
    long(24, 1n)
    long(32, at(this.#controlAt))
    long(40, BigInt(CONTROL_BYTES))
    long(48, 0n)
    long(this.#iovecAt, at(this.#payloadAt))
    long(this.#iovecAt + 8, BigInt(PAYLOAD_BYTES))
    const length = Number(this.#recvmsg(this.#fd, this.#base, flags | MSG_DONTWAIT))
    return length < 0 ? undefined : length
  }

  /** The ICMP error among the control messages. */
  #error(): IcmpError | undefined {
    const view = this.#view
    const end = this.#controlAt + Number(view.getBigUint64(40, true))
    for (let at = this.#controlAt; at + CMSG_BYTES + EXTENDED_BYTES <= end; ) {
      const length = Number(view.getBigUint64(at, true))
      const level = view.getInt32(at + 8, true)
      const kind = view.getInt32(at + 12, true)
      if ((level === IPPROTO_IP && kind === IP_RECVERR) || (level === IPPROTO_IPV6 && kind === IPV6_RECVERR)) {
        return this.#extended(at + CMSG_BYTES)
      }
      if (length < CMSG_BYTES) return undefined
      at += (length + 7) & ~7
    }
    return undefined
  }

  /** `struct sock_extended_err`: errno, then a byte each of origin, type and code; then the address of whoever said it. */
  #extended(at: number): IcmpError | undefined {
    const [origin, type, code] = this.#bytes.subarray(at + 4, at + 7)
    const known = TYPES[`${origin} ${type}`]
    if (known == null) return undefined
    const { address } = fromSockaddr(this.#bytes.slice(at + EXTENDED_BYTES, at + EXTENDED_BYTES + NAME_BYTES))
    const tooBig = origin === ICMP && type === 3 && code === FRAGMENTATION_NEEDED
    return { type: tooBig ? 'too-big' : known, router: address }
  }
}
