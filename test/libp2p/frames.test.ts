import assert from 'node:assert/strict'
import test from 'node:test'
import type { Stream } from '@libp2p/interface'
import { byteStream, streamPair } from '@libp2p/utils'
import fc from 'fast-check'
import { Uint8ArrayList } from 'uint8arraylist'
import { NatError } from '../../src/core/errors.ts'
import { encodeFrame, Frames, MAX_FRAME_BYTES, type Step, takeFrame, takeSteps } from '../../src/libp2p/frames.ts'
import { type HolePunch, holePunchCodec } from '../../src/wire/dcutr.ts'

const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 })
const asHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const soon = () => AbortSignal.timeout(2_000)
const sync: HolePunch = { type: 'SYNC', observedAddresses: [] }
const connect = (address: Uint8Array): HolePunch => ({ type: 'CONNECT', observedAddresses: [address] })

test('what is framed comes out again, however it is cut, and nothing is taken before it is whole', () => {
  fc.assert(
    fc.property(bodies, fc.integer({ min: 1, max: 700 }), (list, chunk) => {
      const bytes = Buffer.concat(list.map(encodeFrame))
      const buffered = new Uint8ArrayList()
      const out: string[] = []
      for (let at = 0; at < bytes.length; at += chunk) {
        buffered.append(bytes.subarray(at, at + chunk))
        for (let frame = takeFrame(buffered, 'x'); frame != null; frame = takeFrame(buffered, 'x'))
          out.push(asHex(frame))
      }
      assert.deepEqual(out, list.map(asHex))
      assert.equal(buffered.byteLength, 0)
    })
  )
})

test('any bytes are frames, wait for more, or are MALFORMED; what is left is what was not taken', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 0, max: 200 }), (bytes, limit) => {
      const list = new Uint8ArrayList(bytes)
      try {
        const frame = takeFrame(list, 'x', limit)
        const taken = frame == null ? 0 : frame.length + (bytes[0]! < 0x80 ? 1 : 2)
        assert.ok(frame == null || frame.length <= limit)
        assert.equal(asHex(list.subarray()), asHex(bytes.subarray(taken)))
      } catch (error) {
        assert.ok(error instanceof NatError && error.code === 'MALFORMED', String(error))
      }
    }),
    { numRuns: 2_000 }
  )
})

test('steps are done once each, in order, however what they take comes in', () => {
  fc.assert(
    fc.property(bodies, fc.integer({ min: 1, max: 700 }), (list, chunk) => {
      const bytes = Buffer.concat([...list.map(encodeFrame), Buffer.from('rest')])
      const out: string[] = []
      const step: Step = buffered => {
        const frame = takeFrame(buffered, 'x')
        if (frame != null) out.push(asHex(frame))
        return frame != null
      }
      const steps = list.map(() => step)
      const buffered = new Uint8ArrayList()
      for (let at = 0; at < bytes.length; at += chunk) {
        buffered.append(bytes.subarray(at, at + chunk))
        assert.equal(takeSteps(steps, buffered), out.length === list.length)
      }
      assert.deepEqual(out, list.map(asHex))
      assert.equal(buffered.byteLength, 4, 'what no step takes stays')
    })
  )
})

test('a step that throws is not passed over', () => {
  const refuse: Step = () => {
    throw new NatError('MALFORMED', 'something else')
  }
  const steps = [() => true, refuse, () => assert.fail('the one behind it')]
  assert.throws(() => takeSteps(steps, new Uint8ArrayList()), { code: 'MALFORMED' })
  assert.equal(steps[0], refuse)
})

const lengths: ReadonlyArray<readonly [bytes: number[], fits: boolean]> = [
  [[0x00], true],
  [[0x80, 0x20], true],
  [[0x81, 0x20], false],
  [[0xff, 0x7f], false],
  [[0x80, 0x80, 0x01], false]
]
for (const [bytes, fits] of lengths) {
  test(`a length of ${asHex(Uint8Array.from(bytes))} is ${fits ? 'within the limit' : 'MALFORMED'}`, () => {
    const list = new Uint8ArrayList(Uint8Array.from(bytes))
    if (fits) assert.doesNotThrow(() => takeFrame(list, 'x'))
    else assert.throws(() => takeFrame(list, 'x'), { code: 'MALFORMED' })
  })
}

async function pair(): Promise<{ readonly frames: Frames<HolePunch>; readonly far: Stream }> {
  const [near, far] = await streamPair()
  return { frames: new Frames(near, holePunchCodec, 'DCUtR'), far }
}

test('messages are read one by one, a byte at a time or all at once', async () => {
  const bytes = Buffer.concat(
    [connect(Buffer.alloc(200, 7)), sync, sync].map(each => encodeFrame(holePunchCodec.encode(each)))
  )
  for (const chunk of [1, 3, bytes.length]) {
    const { frames, far } = await pair()
    for (let at = 0; at < bytes.length; at += chunk) far.send(bytes.subarray(at, at + chunk))
    const first = await frames.read(soon())
    assert.deepEqual([first.type, first.observedAddresses[0]?.length], ['CONNECT', 200])
    assert.equal((await frames.read(soon())).type, 'SYNC')
    assert.equal((await frames.read(soon())).type, 'SYNC')
  }
})

test('what comes behind a message goes to the next owner of the stream', async () => {
  const { frames, far } = await pair()
  far.send(Buffer.concat([encodeFrame(holePunchCodec.encode(sync)), Buffer.from('the rest')]))
  await frames.read(soon())
  const rest = byteStream(frames.unwrap())
  far.send(Buffer.from(', and more'))
  assert.equal(
    Buffer.from((await rest.read({ bytes: 18, signal: soon() })).subarray()).toString(),
    'the rest, and more'
  )
})

const ends: ReadonlyArray<readonly [what: string, act: (far: Stream) => unknown, expected: object]> = [
  ['the end between messages', far => far.close(), { code: 'LINK_CLOSED' }],
  [
    'the end in a length',
    far => {
      far.send(Uint8Array.of(0x85))
      void far.close()
    },
    { code: 'MALFORMED' }
  ],
  [
    'the end in a message',
    far => {
      far.send(Uint8Array.of(5, 1, 2))
      void far.close()
    },
    { code: 'MALFORMED' }
  ],
  ['a reset', far => far.abort(new Error('no')), { name: 'StreamResetError' }],
  ['a length over the limit', far => far.send(Uint8Array.of(0x81, 0x20)), { code: 'MALFORMED' }],
  ['a length of three bytes', far => far.send(Uint8Array.of(0x80, 0x80, 1)), { code: 'MALFORMED' }],
  ['a megabyte at once', far => far.send(Buffer.alloc(1_048_576, 1)), { code: 'MALFORMED' }],
  ['an empty message', far => far.send(Uint8Array.of(0)), { code: 'MALFORMED' }]
]
for (const [what, act, expected] of ends) {
  test(`reading, and there comes ${what}`, async () => {
    const { frames, far } = await pair()
    const read = assert.rejects(frames.read(soon()), expected)
    act(far)
    await read
  })
}

test('the longest message fits, and the signal ends a wait', async () => {
  const { frames, far } = await pair()
  const longest = holePunchCodec.encode(connect(new Uint8Array(MAX_FRAME_BYTES - 5)))
  assert.equal(longest.length, MAX_FRAME_BYTES)
  far.send(encodeFrame(longest))
  assert.equal((await frames.read(soon())).observedAddresses[0]?.length, MAX_FRAME_BYTES - 5)
  await assert.rejects(frames.read(AbortSignal.abort(new Error('enough'))))
})
