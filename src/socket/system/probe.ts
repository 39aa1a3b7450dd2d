import { NatError } from '../../core/errors.ts'
import type { IcmpError, ProbeSocket, UdpOptions } from '../../core/net.ts'
import { bindError } from '../bind-error.ts'
import { ErrorQueue } from '../ffi/error-queue.ts'
import * as os from '../ffi/libc.ts'
import { errorName, type Libc, loadLibc } from '../ffi/libc.ts'
import { toSockaddr } from '../ffi/sockaddr.ts'
import { openUdp } from '../ffi/sockets.ts'
import { type Koffi, loadKoffi } from '../koffi.ts'

/** What comes back is of interest for a second at most, and then to the nearest few milliseconds. */
const POLL_MS = 4

let loaded: { koffi: Koffi; libc: Libc } | undefined

/**
 * A socket that sends nothing in fragments and hears ICMP errors (ip(7): IP_RECVERR), which Node's sockets do not. For few packets and a
 * short time: it looks for what has come every few milliseconds.
 *
 * @throws NatError UNSUPPORTED where the FFI library does not load; PORT_TAKEN, NO_NETWORK, LIMIT
 */
export async function systemProbe({ family, address, port = 0, ttl }: UdpOptions): Promise<ProbeSocket> {
  const { koffi, libc } = load()
  const host = address ?? (family === 4 ? '0.0.0.0' : '::')
  const { fd, port: bound } = openUdp(libc, host, port)
  const set = (level: number, name: number, value: number) => libc.setsockopt(fd, level, name, os.int32(value), 4) === 0
  const isSet =
    family === 4
      ? set(os.IPPROTO_IP, os.IP_RECVERR, 1) && (ttl == null || set(os.IPPROTO_IP, os.IP_TTL, ttl))
      : set(os.IPPROTO_IPV6, os.IPV6_RECVERR, 1) && (ttl == null || set(os.IPPROTO_IPV6, os.IPV6_UNICAST_HOPS, ttl))
  if (!isSet) {
    const errno = errorName(libc)
    libc.close(fd)
    throw bindError(host, port, errno)
  }
  const queue = new ErrorQueue(koffi, fd)
  const hearers = new Set<Parameters<ProbeSocket['onPacket']>[0]>()
  const icmpHearers = new Set<(error: IcmpError) => void>()
  let closed = false
  const poll = setInterval(() => {
    // a hearer may close the socket, and what is read from is freed then
    for (const error of queue.errors()) {
      for (const hearer of [...icmpHearers]) hearer(error)
      if (closed) return
    }
    for (const { bytes, from } of queue.packets()) {
      for (const hearer of [...hearers]) hearer(bytes, from)
      if (closed) return
    }
  }, POLL_MS)
  poll.unref()
  return {
    local: { address: host, port: bound },
    send({ bytes, to }) {
      if (closed) return
      const name = toSockaddr(to)
      // one that is too large for the interface, or to which an error has come, is lost like any other
      libc.sendto(fd, bytes, bytes.length, os.MSG_DONTWAIT, name, name.length)
    },
    onPacket(listener) {
      hearers.add(listener)
      return () => hearers.delete(listener)
    },
    onIcmp(listener) {
      icmpHearers.add(listener)
      return () => icmpHearers.delete(listener)
    },
    close() {
      if (closed) return
      closed = true
      clearInterval(poll)
      libc.close(fd)
      queue.free()
    }
  }
}

function load(): { koffi: Koffi; libc: Libc } {
  if (loaded != null) return loaded
  const found = loadKoffi()
  if ('reason' in found) throw new NatError('UNSUPPORTED', `ICMP errors cannot be heard: ${found.reason}`)
  loaded = { koffi: found.koffi, libc: loadLibc(found.koffi) }
  return loaded
}
