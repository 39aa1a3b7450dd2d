import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { Batch, type Outlet } from '../../src/socket/ffi/batch.ts'
import { EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, type Libc, loadLibc, MSG_DONTWAIT } from '../../src/socket/ffi/libc.ts'
import { AddressSlots } from '../../src/socket/ffi/slots.ts'
import { toSockaddr } from '../../src/socket/ffi/sockaddr.ts'
import { openUdp } from '../../src/socket/ffi/sockets.ts'
import { loadKoffi } from '../../src/socket/koffi.ts'
import { PLANES, until } from './planes.ts'
import { UdpEnd } from './udp-end.ts'

const skip = PLANES.find(({ kind }) => kind === 'ffi')!.skip
/** As GRO joins two full datagrams and a shorter one. */
const PARTS = [Buffer.alloc(300, 1), Buffer.alloc(300, 2), Buffer.alloc(100, 3)]
const JOINED = Buffer.concat(PARTS)
const PLAIN = [Buffer.alloc(50, 4), Buffer.alloc(60, 5)]
const MESSAGES = [JOINED, ...PLAIN, JOINED]
const ALL = [...PARTS, ...PLAIN, ...PARTS]

/**
 * Messages that were received, the first and the last of them joined, prepared to go on to somebody else.
 *
 * @param other the calls that this system answers otherwise than this machine does
 */
async function setUp(t: TestContext, other: (libc: Libc) => Partial<Libc> = () => ({})) {
  const loaded = loadKoffi()
  assert.ok('koffi' in loaded)
  const libc = loadLibc(loaded.koffi)
  const dropped = { count: 0 }
  const batch = new Batch(loaded.koffi, { ...libc, ...other(libc) }, () => dropped.count++)
  const slots = new AddressSlots(loaded.koffi, 1)
  const here = openUdp(libc, '127.0.0.1', 0)
  const sender = openUdp(libc, '127.0.0.1', 0)
  t.after(() => {
    for (const { fd } of [here, sender]) libc.close(fd)
    batch.free()
    slots.release()
  })
  const name = toSockaddr({ address: '127.0.0.1', port: here.port })
  const receive = () => {
    while (batch.receive(here.fd) > 0);
    for (const bytes of MESSAGES) libc.sendto(sender.fd, bytes, bytes.length, MSG_DONTWAIT, name, name.length)
    return batch.receive(here.fd)
  }
  await until(receive, count => count === MESSAGES.length)
  const peer = await UdpEnd.open(t)
  const slot = slots.take()
  const to = toSockaddr(peer.endpoint)
  slots.write(slot, to)
  const { low, high } = slots.pointer(slot)
  for (const i of [0, MESSAGES.length - 1]) batch.arena.join(i, PARTS[0]!.length)
  for (const i of MESSAGES.keys()) batch.arena.prepare(i, low, high, to.length)
  const outlet: Outlet = { fd: here.fd, gso: true }
  const flush = () => batch.flush(outlet, 0, MESSAGES.length)
  const arrived = async (count: number) => (await peer.take(count)).map(({ bytes }) => bytes)
  libc.connect(sender.fd, to, to.length)
  return { batch, peer, sender: { fd: sender.fd, gso: true }, outlet, dropped, flush, arrived }
}

test('what was received joined goes out joined, and arrives as it was', { skip }, async t => {
  const { outlet, dropped, flush, arrived } = await setUp(t)
  flush()
  assert.deepEqual(await arrived(ALL.length), ALL)
  assert.deepEqual([outlet.gso, dropped.count], [true, 0])
})

for (const [name, errno] of Object.entries({ EIO, EINVAL, EMSGSIZE })) {
  test(`a system that answers ${name} to joined messages gets them one by one, and is not asked again`, {
    skip
  }, async t => {
    let refusals = 0
    const { outlet, dropped, flush, arrived } = await setUp(t, libc => ({
      // without checksum offload the kernel takes messages up to the first that is joined
      sendmmsg: (fd, messages, count, flags) => {
        const plain = count === PLAIN.length && refusals > 0
        if (plain) return libc.sendmmsg(fd, messages, count, flags)
        refusals++
        return -1
      },
      errno: () => errno
    }))
    flush()
    assert.deepEqual(await arrived(ALL.length), ALL)
    assert.deepEqual([outlet.gso, dropped.count, refusals], [false, 0, 1])
    flush()
    assert.deepEqual(await arrived(ALL.length), ALL)
    assert.equal(refusals, 1)
  })
}

for (const [name, errno] of Object.entries({ EINVAL, EMSGSIZE })) {
  test(`when the answer to each datagram alone is ${name}, too, GSO is not to blame`, { skip }, async t => {
    const { outlet, dropped, flush } = await setUp(t, () => ({
      sendmmsg: () => -1,
      sendto: () => -1,
      errno: () => errno
    }))
    flush()
    assert.deepEqual([outlet.gso, dropped.count], [true, ALL.length])
  })
}

test('datagrams of any lengths are sent in order, joined where that is possible', { skip }, async t => {
  let messages = 0
  const { batch, peer, sender } = await setUp(t, libc => ({
    sendmmsg: (fd, headers, count, flags) => {
      const sent = libc.sendmmsg(fd, headers, count, flags)
      messages += Math.max(0, sent)
      return sent
    }
  }))
  const many = (count: number, length: number) => Array<number>(count).fill(length)
  // each of these lists is one message: one length, the last may be shorter, 64 KiB and 64 datagrams at most
  const lists = [
    [1_200, 1_200, 700],
    [700, 700],
    [701, 1],
    [1_500, 1_200],
    many(54, 1_200),
    [...many(46, 1_200), 30],
    many(64, 40),
    many(64, 40),
    [40, 40]
  ]
  const datagrams = lists.flat().map((length, i) => Buffer.alloc(length, i))
  batch.sendAll(sender, datagrams)
  assert.deepEqual(
    (await peer.take(datagrams.length)).map(({ bytes }) => bytes),
    datagrams
  )
  batch.sendAll(sender, [])
  assert.equal(messages, lists.length)
})

test('a full buffer gets three moments to drain; what is still left is dropped', { skip }, async t => {
  let waits = 0
  const { dropped, flush } = await setUp(t, () => ({
    sendmmsg: () => -1,
    errno: () => EAGAIN,
    poll: () => waits++
  }))
  flush()
  assert.deepEqual([waits, dropped.count], [3, MESSAGES.length])
})

test('a buffer that drains, and a call that was interrupted, lose nothing', { skip }, async t => {
  const answers = [EAGAIN, EINTR, EAGAIN]
  let answer = 0
  const { dropped, flush, arrived } = await setUp(t, libc => ({
    sendmmsg: (fd, messages, count, flags) => {
      answer = answers.shift() ?? 0
      return answer === 0 ? libc.sendmmsg(fd, messages, Math.min(count, 1), flags) : -1
    },
    errno: () => answer
  }))
  flush()
  assert.deepEqual(await arrived(ALL.length), ALL)
  assert.equal(dropped.count, 0)
})
