import { randomBytes } from 'node:crypto'
import type { Batch, Outlet } from './batch.ts'
import { Epoll } from './epoll.ts'
import * as os from './libc.ts'
import { toSockaddr } from './sockaddr.ts'
import { openUdp } from './sockets.ts'

/** Two full segments and a shorter one. */
const SEGMENT_BYTES = 700
const PAYLOAD_BYTES = 1_700
const SOCKADDR_IN_BYTES = 16
/** On loopback a datagram is there before the send returns; this is for a machine that is very busy. */
const WAIT_MS = 1_000

/**
 * Moves datagrams over loopback by the very calls that the data plane lives on. A sandbox may refuse recvmmsg or sendmmsg,
 * an emulated kernel may have them without doing what Linux does; better to learn it here than from silence.
 *
 * @throws Error that names the call and what the system said
 */
export function selfTest(libc: os.Libc, batch: Batch): void {
  const { arena } = batch
  const epoll = new Epoll(libc)
  const fds: number[] = []
  const open = () => {
    const { fd, port } = openUdp(libc, '127.0.0.1', 0)
    fds.push(fd)
    if (!epoll.watch(fd)) throw new Error(`epoll_ctl: ${os.errorName(libc)}`)
    return { fd, port }
  }
  const receive = (fd: number, sentBy: string): number => {
    const ready = epoll.wait(WAIT_MS)
    if (!ready.includes(fd)) throw new Error(`${sentBy}: nothing arrived (${os.errorName(libc)})`)
    const count = batch.receive(fd)
    if (count < 0) throw new Error(`recvmmsg: ${os.errorName(libc)}`)
    return count
  }
  try {
    const there = open()
    const here = open()
    const echo: Outlet = { fd: there.fd, gso: true }
    const name = toSockaddr({ address: '127.0.0.1', port: there.port })
    for (const joined of [false, true]) {
      const sent = randomBytes(PAYLOAD_BYTES)
      if (libc.sendto(here.fd, sent, sent.length, os.MSG_DONTWAIT, name, name.length) < 0) {
        throw new Error(`sendto: ${os.errorName(libc)}`)
      }
      receive(there.fd, 'sendto')
      if (joined) arena.join(0, SEGMENT_BYTES)
      const { low, high } = arena.namePointer(0)
      arena.prepare(0, low, high, SOCKADDR_IN_BYTES)
      batch.flush(echo, 0, 1)
      const parts: Uint8Array[] = []
      while (Buffer.concat(parts).length < PAYLOAD_BYTES) {
        const count = receive(here.fd, 'sendmmsg')
        for (let i = 0; i < count; i++) parts.push(...[...arena.segments(i)].map(part => part.slice()))
      }
      const lengths = joined ? [SEGMENT_BYTES, SEGMENT_BYTES, PAYLOAD_BYTES - 2 * SEGMENT_BYTES] : [PAYLOAD_BYTES]
      const asSent = parts.length === lengths.length && parts.every((part, i) => part.length === lengths[i])
      if (!asSent || !sent.equals(Buffer.concat(parts)))
        throw new Error('sendmmsg, recvmmsg: datagrams came out changed')
    }
  } finally {
    for (const fd of fds) libc.close(fd)
    epoll.close()
  }
}
