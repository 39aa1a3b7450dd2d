import { bindError } from '../bind-error.ts'
import { NAME_BYTES } from './arena.ts'
import type { Outlet } from './batch.ts'
import * as os from './libc.ts'
import { fromSockaddr, toSockaddr } from './sockaddr.ts'

/** As much as the system allows: a burst must not be lost while this thread is busy with another peer. */
const BUFFER_BYTES = os.int32(4 * 1024 * 1024)
const ON = os.int32(1)

/** A UDP socket on a public address. */
export interface PublicSocket extends Outlet {
  readonly family: number
  id: number
}

/** Opens and binds a UDP socket. @throws NatError PORT_TAKEN, NO_NETWORK, LIMIT, BAD_ADDRESS */
export function openUdp(libc: os.Libc, address: string, port: number): { fd: number; port: number; family: number } {
  const sockaddr = toSockaddr({ address, port })
  const family = sockaddr[0]!
  const fd = libc.socket(family, os.SOCK_DGRAM_NONBLOCK | os.CLOEXEC, 0)
  if (fd < 0) throw bindError(address, port, os.errorName(libc))
  for (const name of [os.SO_RCVBUF, os.SO_SNDBUF]) libc.setsockopt(fd, os.SOL_SOCKET, name, BUFFER_BYTES, 4)
  libc.setsockopt(fd, os.SOL_UDP, os.UDP_GRO, ON, 4)
  const probe = os.int32(os.PMTUDISC_PROBE)
  if (family === os.AF_INET6) {
    libc.setsockopt(fd, os.IPPROTO_IPV6, os.IPV6_V6ONLY, ON, 4)
    libc.setsockopt(fd, os.IPPROTO_IPV6, os.IPV6_MTU_DISCOVER, probe, 4)
  } else libc.setsockopt(fd, os.IPPROTO_IP, os.IP_MTU_DISCOVER, probe, 4)
  if (libc.bind(fd, sockaddr, sockaddr.length) !== 0) {
    const errno = os.errorName(libc)
    libc.close(fd)
    throw bindError(address, port, errno)
  }
  const bound = new Uint8Array(NAME_BYTES)
  libc.getsockname(fd, bound, os.int32(NAME_BYTES))
  return { fd, port: fromSockaddr(bound).port, family }
}
