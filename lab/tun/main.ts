/**
 * A router of the simulator's NAT engine between two TUN devices: what the kernel routes to the one comes from inside, what
 * it routes to the other from outside, and what is written to either it routes on (lab/tun/script.ts). It shows what nftables cannot do.
 *
 * One blocking loop without an event loop, as the wire's. Argument: the router as JSON. Standard input: commands, a JSON line
 * each, answered by a line; its end is the end.
 */
import { readSync, writeSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { seededRandom } from '../../src/core/random.ts'
import type { NatOptions } from '../../src/sim/nat/index.ts'
import { Nat } from '../../src/sim/nat/index.ts'
import { loadKoffi } from '../../src/socket/koffi.ts'
import type { Libc } from '../wire/libc.ts'
import { EINTR, loadLibc, POLLIN } from '../wire/libc.ts'
import type { TunCalls } from './device.ts'
import { loadTun } from './device.ts'
import type { Side } from './router.ts'
import { PacketRouter } from './router.ts'

/** A router as its program is told about it. */
export interface TunRouter {
  /** The devices towards those behind it and towards the internet. */
  readonly inside: string
  readonly outside: string
  readonly ip4: { readonly options: NatOptions; readonly publicAddresses: readonly string[] }
  /** Absent: IPv6 does not pass. */
  readonly ip6?: { readonly options: NatOptions; readonly publicAddresses: readonly string[] }
  readonly seed: number
}

export type TunCommand = { readonly do: 'flush' } | { readonly do: 'blockUdp'; readonly block: boolean }

/** sizeof(struct pollfd): fd, events, revents. */
const POLLFD_BYTES = 8
const STDIN = 0
/** Packets of one device before the other has its turn. */
const BATCH = 64
/** More than any packet that fits the device. */
const BUFFER_BYTES = 65_536

function run(libc: Libc, tun: TunCalls, devices: Readonly<Record<Side, number>>, router: PacketRouter): void {
  const sides: readonly Side[] = ['inside', 'outside']
  const descriptors = [...sides.map(side => devices[side]), STDIN]
  const pollfds = new Uint8Array(descriptors.length * POLLFD_BYTES)
  const polled = new DataView(pollfds.buffer)
  for (const [i, fd] of descriptors.entries()) {
    polled.setInt32(i * POLLFD_BYTES, fd, true)
    polled.setInt16(i * POLLFD_BYTES + 4, POLLIN, true)
  }
  const isReady = (i: number) => polled.getInt16(i * POLLFD_BYTES + 6, true) !== 0
  const forever = BigInt64Array.of(60n, 0n)
  const buffer = new Uint8Array(BUFFER_BYTES)
  const view = new DataView(buffer.buffer)
  const commands = commandReader(router)
  for (;;) {
    if (libc.ppoll(pollfds, descriptors.length, forever, null) < 0) {
      if (libc.errno() !== EINTR) return
      continue
    }
    const nowMs = performance.now()
    for (const [i, side] of sides.entries()) {
      for (let count = isReady(i) ? BATCH : 0; count > 0; count--) {
        const length = tun.read(devices[side], buffer)
        if (length <= 0) break
        const routed = router.route(nowMs, side, buffer, view, length)
        if (routed) tun.write(devices[routed.to], routed.bytes, routed.length)
      }
    }
    if (isReady(sides.length) && !commands()) return
  }
}

/** @returns a function that reads and obeys what there is, and says whether more may come */
function commandReader(router: PacketRouter): () => boolean {
  const buffer = Buffer.alloc(65_536)
  let text = ''
  return () => {
    const bytes = readSync(STDIN, buffer)
    if (bytes === 0) return false
    const lines = (text + buffer.toString('utf8', 0, bytes)).split('\n')
    text = lines.pop()!
    for (const line of lines) {
      obey(router, JSON.parse(line) as TunCommand)
      writeSync(1, 'ok\n')
    }
    return true
  }
}

function obey(router: PacketRouter, command: TunCommand): void {
  switch (command.do) {
    case 'flush':
      router.flush()
      break
    case 'blockUdp':
      router.setBlockUdp(command.block)
      break
    default:
      command satisfies never
  }
}

const loaded = loadKoffi()
if ('reason' in loaded) throw new Error(loaded.reason)
try {
  // as the wire: how long a packet takes must not depend on how busy the peers are; only root may ask for that
  setPriority(constants.priority.PRIORITY_HIGHEST)
} catch {
  // then it waits its turn
}
const { inside, outside, ip4, ip6, seed } = JSON.parse(process.argv[2]!) as TunRouter
const random = seededRandom(seed)
const natOf = (of: TunRouter['ip4']) => new Nat(of.options, { publicAddresses: of.publicAddresses, random })
const router = new PacketRouter({ 4: natOf(ip4), 6: ip6 && natOf(ip6) })
const tun = loadTun(loaded.koffi)
const devices = { inside: tun.open(inside), outside: tun.open(outside) }
writeSync(1, 'ok\n')
run(loadLibc(loaded.koffi), tun, devices, router)
