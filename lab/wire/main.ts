/**
 * The wire: one process that carries the packets of all shaped links of a lab, because the kernel may have no netem. Each link
 * ends here in two interfaces; what comes in at one goes out at the other, later or never.
 *
 * Packet sockets instead of TUN devices: they need no /dev/net/tun (which an unprivileged user often may not open), take
 * and give 64 frames a system call, and leave the nodes with plain Ethernet interfaces.
 *
 * One blocking loop without an event loop: ppoll wakes to the microsecond where epoll_wait and timers count milliseconds.
 * Argument: the links as JSON. Standard input: changes, a JSON line each, answered by a line; its end is the end.
 */
import { readSync, writeSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { seededRandom } from '../../src/core/random.ts'
import { loadKoffi } from '../../src/socket/koffi.ts'
import type { LinkSpec } from '../spec.ts'
import { DelayLine, LINE_CAPACITY } from './delay-line.ts'
import { Frames } from './frames.ts'
import type { Libc } from './libc.ts'
import { EINTR, loadLibc, POLLIN } from './libc.ts'

/** A link as the wire is told about it. */
export interface WireLink {
  name: string
  /** Its two interfaces. */
  near: string
  far: string
  seed: number
  link: LinkSpec
}

/** sizeof(struct pollfd): fd, events, revents. */
const POLLFD_BYTES = 8
const STDIN = 0

interface Direction {
  from: number
  to: number
  line: DelayLine
  name: string
}

function openDirections(libc: Libc, links: WireLink[]): Direction[] {
  return links.flatMap(({ name, near, far, seed, link }) => {
    const [a, b] = [libc.openInterface(near), libc.openInterface(far)]
    // a stream of random numbers each: traffic one way does not change what is lost the other way
    const line = (way: number) => new DelayLine(seededRandom(seed * 2 + way), link)
    return [
      { name, from: a, to: b, line: line(0) },
      { name, from: b, to: a, line: line(1) }
    ]
  })
}

function run(libc: Libc, frames: Frames, directions: Direction[]): void {
  const pollfds = new Uint8Array((directions.length + 1) * POLLFD_BYTES)
  const view = new DataView(pollfds.buffer)
  const descriptors = [...directions.map(direction => direction.from), STDIN]
  for (const [i, fd] of descriptors.entries()) {
    view.setInt32(i * POLLFD_BYTES, fd, true)
    view.setInt16(i * POLLFD_BYTES + 4, POLLIN, true)
  }
  const isReady = (i: number) => view.getInt16(i * POLLFD_BYTES + 6, true) !== 0
  const timeout = new BigInt64Array(2)
  const commands = commandReader(directions)
  let nowMs = performance.now()
  for (;;) {
    const nextAtMs = directions.reduce((least, { line }) => Math.min(least, line.nextAtMs), nowMs + 60_000)
    const waitNs = Math.ceil(Math.max(0, nextAtMs - performance.now()) * 1e6)
    timeout[0] = BigInt(Math.floor(waitNs / 1e9))
    timeout[1] = BigInt(waitNs % 1e9)
    if (libc.ppoll(pollfds, descriptors.length, timeout, null) < 0 && libc.errno() !== EINTR) return
    nowMs = performance.now()
    for (const [i, { from, line }] of directions.entries()) {
      if (isReady(i)) frames.receive(from, (slot, bytes) => line.offer(nowMs, slot, bytes))
    }
    nowMs = performance.now()
    for (const { to, line } of directions) {
      if (line.nextAtMs <= nowMs) frames.send(to, () => line.take(nowMs))
    }
    if (isReady(directions.length) && !commands()) return
  }
}

/** Reads what there is to read of the standard input, and does it. Returns false at its end. */
function commandReader(directions: Direction[]): () => boolean {
  const chunk = new Uint8Array(65536)
  let rest = ''
  return () => {
    const bytes = readSync(STDIN, chunk)
    if (bytes === 0) return false
    const lines = (rest + Buffer.from(chunk.subarray(0, bytes)).toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const { name, link } = JSON.parse(line) as Pick<WireLink, 'name' | 'link'>
      for (const direction of directions) if (direction.name === name) direction.line.change(link)
      writeSync(1, 'ok\n')
    }
    return true
  }
}

const loaded = loadKoffi()
if ('reason' in loaded) throw new Error(loaded.reason)
try {
  // a delay must not depend on how busy the peers keep the machine; only root may ask for that
  setPriority(constants.priority.PRIORITY_HIGHEST)
} catch {
  // then it waits its turn
}
const libc = loadLibc(loaded.koffi)
const directions = openDirections(libc, JSON.parse(process.argv[2]!) as WireLink[])
const frames = new Frames(loaded.koffi, libc, directions.length * LINE_CAPACITY)
writeSync(1, 'ok\n')
run(libc, frames, directions)
