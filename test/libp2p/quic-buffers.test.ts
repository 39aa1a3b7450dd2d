import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withLargeBuffer } from '../../src/libp2p/quic/engine-buffers.ts'
import { AF_INET, int32, loadLibc, SO_RCVBUF, SOCK_DGRAM_NONBLOCK, SOL_SOCKET } from '../../src/socket/ffi/libc.ts'
import { loadKoffi } from '../../src/socket/koffi.ts'

const found = loadKoffi()
const skip = process.platform !== 'linux' || 'reason' in found ? 'needs Linux and koffi' : false

test('a socket opened inside gets a larger receive buffer, one that was there before does not', { skip }, () => {
  assert.ok('koffi' in found)
  const libc = loadLibc(found.koffi)
  const getsockopt = found.koffi.load(null).func('int getsockopt(int, int, int, void *, void *)')
  const open = () => libc.socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0)
  const bytesOf = (fd: number) => {
    const value = int32(0)
    assert.equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, int32(4)), 0)
    return new DataView(value.buffer).getInt32(0, true)
  }
  const before = open()
  const inside = withLargeBuffer(open)
  const systemDefault = bytesOf(before)
  assert.ok(bytesOf(inside) > systemDefault, `${bytesOf(inside)} bytes, and ${systemDefault} by default`)
  const after = open()
  assert.equal(bytesOf(after), systemDefault)
  for (const fd of [before, inside, after]) libc.close(fd)
})
