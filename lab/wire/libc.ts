import type { Koffi } from '../../src/socket/koffi.ts'

/** Constants of Linux that are the same on x64 and arm64 (asm-generic, packet(7)). */
export const POLLIN = 1
export const EINTR = 4
export const MSG_DONTWAIT = 0x40
/** In msg_flags of what was received: it did not fit. */
export const MSG_TRUNC = 0x20
const AF_PACKET = 17
const SOCK_RAW_NONBLOCK = 3 | 0o4000
const SOL_SOCKET = 1
const SO_RCVBUF = 8
/** Goes beyond the system's limit, for root only. */
const SO_RCVBUFFORCE = 33
const SOL_PACKET = 263
const PACKET_VNET_HDR = 15
const PACKET_IGNORE_OUTGOING = 23
const ETH_P_ALL = 3
const PR_SET_TIMERSLACK = 29

/** A burst must not be lost while the wire is busy with another link. */
const RECEIVE_BUFFER_BYTES = 16 * 1024 * 1024

/** The system calls that the wire makes. */
export interface Libc {
  ppoll(fds: Uint8Array, count: number, timeout: BigInt64Array, mask: null): number
  recvmmsg(fd: number, messages: bigint, count: number, flags: number, timeout: null): number
  sendmmsg(fd: number, messages: bigint, count: number, flags: number): number
  /** Opens an interface: whole Ethernet frames in and out. @throws Error */
  openInterface(name: string): number
  errno(): number
}

export function loadLibc(koffi: Koffi): Libc {
  const c = koffi.load(null)
  const socket = c.func('int socket(int, int, int)')
  const bind = c.func('int bind(int, void *, uint)')
  const setsockopt = c.func('int setsockopt(int, int, int, void *, uint)')
  const ifNameToIndex = c.func('uint if_nametoindex(const char *)')
  // timers may fire late by a slack of 50 µs, which would be added to each delay
  c.func('int prctl(int, ulong, ulong, ulong, ulong)')(PR_SET_TIMERSLACK, 1, 0, 0, 0)

  const int32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer)
  return {
    ppoll: c.func('int ppoll(void *, ulong, void *, void *)'),
    recvmmsg: c.func('int recvmmsg(int, void *, uint, int, void *)'),
    sendmmsg: c.func('int sendmmsg(int, void *, uint, int)'),
    openInterface(name) {
      // protocol 0 hears nothing until it is bound to the one interface
      const fd = socket(AF_PACKET, SOCK_RAW_NONBLOCK, 0)
      if (fd < 0) throw new Error(`no packet socket: errno ${koffi.errno()}`)
      // frames come with their state of checksumming, which veth leaves undone, and go out with it
      setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, int32(1), 4)
      // else each socket would hear what it sends itself
      if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1), 4) !== 0) {
        throw new Error('shaped links need Linux 4.20 or newer')
      }
      const size = int32(RECEIVE_BUFFER_BYTES)
      if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4) !== 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, size, 4)
      // sockaddr_ll: family, protocol (big endian), interface, then what only matters to senders of single packets
      const address = new DataView(new ArrayBuffer(20))
      address.setUint16(0, AF_PACKET, true)
      address.setUint16(2, ETH_P_ALL)
      address.setInt32(4, ifNameToIndex(name), true)
      if (bind(fd, new Uint8Array(address.buffer), 20) !== 0)
        throw new Error(`cannot open ${name}: errno ${koffi.errno()}`)
      return fd
    },
    errno: () => koffi.errno()
  } as Libc
}
