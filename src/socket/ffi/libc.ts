import { getSystemErrorName } from 'node:util'
import type { Koffi } from '../koffi.ts'

/** Constants of Linux that are the same on x64 and arm64 (asm-generic). */
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_DGRAM_NONBLOCK = 2 | 0o4000
export const SOL_SOCKET = 1
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const IPPROTO_IP = 0
export const IP_TTL = 2
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IPPROTO_IPV6 = 41
export const IPV6_UNICAST_HOPS = 16
export const IPV6_MTU_DISCOVER = 23
export const IPV6_RECVERR = 25
export const IPV6_V6ONLY = 26
/** Set "don't fragment", and do not believe ICMP: the engine probes the path's MTU itself (RFC 8899). */
export const PMTUDISC_PROBE = 3
export const SOL_UDP = 17
export const UDP_SEGMENT = 103
export const UDP_GRO = 104
export const EPOLLIN = 1
export const EPOLL_CTL_ADD = 1
export const POLLOUT = 4
export const MSG_DONTWAIT = 0x40
export const EINTR = 4
export const EIO = 5
export const EAGAIN = 11
export const EINVAL = 22
export const EMSGSIZE = 90
export const EFD_NONBLOCK = 0o4000
/** Not inherited by programs that this process starts. */
export const CLOEXEC = 0o2000000

/** `struct epoll_event`, which Linux packs on x64 and nowhere else. */
export function epollEvent(arch: string): { bytes: number; fdAt: number } {
  return arch === 'x64' ? { bytes: 12, fdAt: 4 } : { bytes: 16, fdAt: 8 }
}

/** The system calls that the data plane makes. Pointers are numbers or views; results are the C functions' own. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  close(fd: number): number
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, op: number, fd: number, event: Uint8Array): number
  epoll_wait(epoll: number, events: Uint8Array, max: number, timeoutMs: number): number
  eventfd(initial: number, flags: number): number
  poll(fds: Uint8Array, count: number, timeoutMs: number): number
  recvmmsg(fd: number, messages: bigint, count: number, flags: number, timeout: null): number
  sendmmsg(fd: number, messages: bigint, count: number, flags: number): number
  sendto(
    fd: number,
    bytes: Uint8Array | bigint,
    length: number,
    flags: number,
    to: Uint8Array | bigint | null,
    toLength: number
  ): number
  errno(): number
}

/** Binds the calls that the data plane makes out of the C library that this process already has loaded. */
export function loadLibc(koffi: Koffi): Libc {
  const c = koffi.load(null)
  return {
    socket: c.func('int socket(int, int, int)'),
    bind: c.func('int bind(int, void *, uint)'),
    connect: c.func('int connect(int, void *, uint)'),
    getsockname: c.func('int getsockname(int, void *, void *)'),
    setsockopt: c.func('int setsockopt(int, int, int, void *, uint)'),
    close: c.func('int close(int)'),
    epoll_create1: c.func('int epoll_create1(int)'),
    epoll_ctl: c.func('int epoll_ctl(int, int, int, void *)'),
    epoll_wait: c.func('int epoll_wait(int, void *, int, int)'),
    eventfd: c.func('int eventfd(uint, int)'),
    poll: c.func('int poll(void *, ulong, int)'),
    recvmmsg: c.func('int recvmmsg(int, void *, uint, int, void *)'),
    sendmmsg: c.func('int sendmmsg(int, void *, uint, int)'),
    sendto: c.func('int64 sendto(int, void *, uint64, int, void *, uint)'),
    errno: () => koffi.errno()
  } as Libc
}

/** A C `int` as setsockopt takes it. */
export function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return bytes
}

/** What the system call that failed last said: EADDRINUSE and the like. */
export function errorName(libc: Libc): string {
  const errno = libc.errno()
  return errno > 0 ? getSystemErrorName(-errno) : 'no error'
}
