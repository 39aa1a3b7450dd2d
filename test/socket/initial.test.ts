import assert from 'node:assert/strict'
import { createCipheriv, createDecipheriv } from 'node:crypto'
import test from 'node:test'
import { longHeader } from '../../src/socket/demux.ts'
import { clientInitial, initialKeys, serverInitial } from '../../src/socket/initial.ts'

/** RFC 9001 appendix A. */
const DESTINATION = '8394c8f03e515708'
const CRYPTO_FRAME =
  '060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201' +
  '0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70' +
  '6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74' +
  'd748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff' +
  'ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff'

const KEYS = {
  client: ['1f369613dd76d5467730efcbe3b1a22d', 'fa044b2f42a3fd3b46fb255c', '9f50449e04a0e810283a1e9933adedd2'],
  server: ['cf3a5331653c364c88f0f379b6067e37', '0ac1493ca1905853b0bba03e', 'c206b8d9b9f0f37644430b490eeaa314']
} as const
for (const sender of ['client', 'server'] as const) {
  test(`the keys of a ${sender}'s Initial are those of RFC 9001 appendix A.1`, () => {
    const { key, iv, mask } = initialKeys(DESTINATION, sender)
    assert.deepEqual(
      [key, iv, mask].map(each => each.toString('hex')),
      KEYS[sender]
    )
  })
}

test("a client's Initial is that of RFC 9001 appendix A.2", () => {
  const frames = Buffer.from(CRYPTO_FRAME, 'hex')
  const packet = clientInitial({ destinationId: DESTINATION, sourceId: '', packetNumber: 2, frames })
  assert.equal(packet.length, 1200)
  assert.equal(packet.subarray(0, 22).toString('hex'), 'c000000001088394c8f03e5157080000449e7b9aec34')
  assert.equal(packet.subarray(-16).toString('hex'), 'e221af44860018ab0856972e194cd934')
})

test("a client's Initial reads as what opens a connection", () => {
  const packet = clientInitial({
    destinationId: DESTINATION,
    sourceId: 'c0ffee',
    packetNumber: 0x3fff_ffff,
    frames: Buffer.of(1)
  })
  assert.deepEqual(longHeader(packet), {
    version: 1,
    destinationId: DESTINATION,
    sourceId: 'c0ffee',
    opensConnection: true
  })
})

test("a server's Initial has the ids the other way round, and the keys of the id that the client made up", () => {
  const packet = serverInitial(
    { destinationId: 'c0ffee', sourceId: '5e5e5e5e', packetNumber: 7, frames: Buffer.of(0x1c, 0, 0, 0) },
    DESTINATION
  )
  const header = longHeader(packet)
  assert.deepEqual([header?.destinationId, header?.sourceId], ['c0ffee', '5e5e5e5e'])
  const { key, iv, mask } = initialKeys(DESTINATION, 'server')
  // behind the first byte, version, ids, no token and the length
  const numberAt = 1 + 4 + 1 + 3 + 1 + 4 + 1 + 2
  const sample = packet.subarray(numberAt + 4, numberAt + 20)
  const bits = createCipheriv('aes-128-ecb', mask, null).setAutoPadding(false).update(sample)
  const head = Buffer.from(packet.subarray(0, numberAt + 4))
  head[0]! ^= bits[0]! & 0x0f
  for (let i = 0; i < 4; i++) head[numberAt + i]! ^= bits[i + 1]!
  assert.equal(head.readUInt32BE(numberAt), 7)
  iv[11]! ^= 7
  const open = createDecipheriv('aes-128-gcm', key, iv).setAAD(head).setAuthTag(packet.subarray(-16))
  const frames = Buffer.concat([open.update(packet.subarray(numberAt + 4, -16)), open.final()])
  assert.equal(frames.subarray(0, 5).toString('hex'), '1c00000000')
})
