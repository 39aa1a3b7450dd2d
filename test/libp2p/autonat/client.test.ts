import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { Connection, Stream } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { type Clock, realClock } from '../../../src/core/clock.ts'
import { autonat, type NetworkReachability } from '../../../src/libp2p/autonat/index.ts'
import { encodeFrame, Frames } from '../../../src/libp2p/frames.ts'
import { quic } from '../../../src/libp2p/quic/index.ts'
import {
  type AutonatMessage,
  autonatCodec,
  DIAL_BACK_PROTOCOL,
  DIAL_DATA,
  DIAL_REQUEST_PROTOCOL,
  type DialResponse,
  dialBackCodec,
  MAX_AUTONAT_BYTES
} from '../../../src/wire/autonat.ts'
import { startServer } from '../../hub/autonat/asker.ts'

const OK: DialResponse = { status: 'OK', addrIdx: 0, dialStatus: 'OK' }
const ERROR: DialResponse = { status: 'OK', addrIdx: 0, dialStatus: 'E_DIAL_ERROR' }
const limit = () => AbortSignal.timeout(20_000)
/** On which the client's pauses are short. */
const hastened = (times: number): Clock => ({
  now: () => performance.now() * times,
  after: (ms, fn) => realClock.after(ms / times, fn)
})
const hasty = hastened(20)
/** 100 kB take their time on a busy machine, and the client's patience is shortened with its pauses. */
const brisk = hastened(3)

async function startClient(t: TestContext, servers?: ReadonlySet<string>, clock = hasty) {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      autonat: autonat({ allowPrivate: true, clock, ...(servers == null ? {} : { servers }) })
    }
  })
  t.after(async () => node.stop())
  const { promise, resolve } = Promise.withResolvers<NetworkReachability>()
  node.services.autonat.events.on('reachability', resolve)
  return { node, told: promise }
}

interface Request {
  readonly frames: Frames<AutonatMessage>
  readonly addrs: readonly Uint8Array[]
  readonly nonce: bigint
  readonly connection: Connection
}

/** A server that does as it is told to. */
async function startLiar(t: TestContext, serve: (request: Request, liar: Libp2p) => Promise<DialResponse | undefined>) {
  const liar = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [quic()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify() }
  })
  t.after(async () => liar.stop())
  const served = Promise.withResolvers<Request>()
  await liar.handle(DIAL_REQUEST_PROTOCOL, async (stream: Stream, connection: Connection) => {
    const frames = new Frames(stream, autonatCodec, 'AutoNAT', MAX_AUTONAT_BYTES)
    const { dialRequest } = await frames.read(limit())
    const request = { frames, addrs: dialRequest!.addrs, nonce: dialRequest!.nonce!, connection }
    const dialResponse = await serve(request, liar)
    if (dialResponse != null) frames.send({ dialResponse })
    await stream.close()
    served.resolve(request)
  })
  return { liar, served: served.promise }
}

/** @returns whether the client took the nonce */
async function bring(connection: Connection, nonce: bigint): Promise<boolean> {
  const stream = await connection.newStream(DIAL_BACK_PROTOCOL)
  stream.send(encodeFrame(dialBackCodec.encode({ nonce })))
  try {
    await new Frames(stream, dialBackCodec, 'AutoNAT dial-back').read(limit())
    await stream.close()
    return true
  } catch {
    return false
  }
}

/** A connection besides those that there are: the dial queue would return one of them. */
async function dialAgain(node: Libp2p, address: Multiaddr, peer: string): Promise<Connection> {
  const { transportManager } = (node as unknown as { components: { transportManager: TransportManager } }).components
  return await transportManager.dial(address.encapsulate(`/p2p/${peer}`))
}

test('an address that our server reaches is public', async t => {
  const server = await startServer(t)
  const { node, told } = await startClient(t)
  await node.dial(server.getMultiaddrs()[0]!)
  assert.deepEqual(await told, { ip4: 'public', ip6: 'unknown' })
  assert.deepEqual(node.services.autonat.reachability, { ip4: 'public', ip6: 'unknown' })
})

test('it asks about one address at a time, without the peer id, under a nonce of its own', async t => {
  const { liar, served } = await startLiar(t, async () => ERROR)
  const { node, told } = await startClient(t)
  await node.dial(liar.getMultiaddrs()[0]!)
  const { addrs, nonce } = await served
  assert.deepEqual(
    addrs.map(bytes => multiaddr(bytes).toString()),
    [
      node
        .getMultiaddrs()[0]!
        .toString()
        .replace(/\/p2p\/.*/, '')
    ]
  )
  assert.notEqual(nonce, 0n)
  assert.equal((await told).ip4, 'private')
})

test('the dial is paid for, when the server wants that', async t => {
  const { liar } = await startLiar(t, async ({ frames, connection, nonce, addrs }, liar) => {
    frames.send({ dialDataRequest: { addrIdx: 0, numBytes: BigInt(DIAL_DATA.maxBytes) } })
    for (let missing: number = DIAL_DATA.maxBytes; missing > 0; ) {
      const { length } = (await frames.read(limit())).dialDataResponse!.data!
      assert.ok(length <= DIAL_DATA.pieceBytes)
      missing -= length
    }
    assert.ok(await bring(await dialAgain(liar, multiaddr(addrs[0]!), `${connection.remotePeer}`), nonce))
    return OK
  })
  const { node, told } = await startClient(t, undefined, brisk)
  await node.dial(liar.getMultiaddrs()[0]!)
  assert.equal((await told).ip4, 'public')
})

const lies: ReadonlyArray<readonly [string, (request: Request, liar: Libp2p) => Promise<DialResponse | undefined>]> = [
  ['OK without the nonce', async () => OK],
  [
    'the nonce over the connection that is there',
    async ({ connection, nonce }) => {
      assert.equal(await bring(connection, nonce), false)
      return OK
    }
  ],
  [
    'another nonce over a new connection',
    async ({ connection, nonce, addrs }, liar) => {
      const again = await dialAgain(liar, multiaddr(addrs[0]!), `${connection.remotePeer}`)
      assert.equal(await bring(again, nonce ^ 1n), false)
      return OK
    }
  ],
  ['an address that was not asked about', async () => ({ ...ERROR, addrIdx: 1 })],
  ['a refusal', async () => ({ status: 'E_DIAL_REFUSED' })],
  ['an overload', async () => ({ status: 'E_REQUEST_REJECTED' })],
  ['a dial-back error', async () => ({ status: 'OK', dialStatus: 'E_DIAL_BACK_ERROR' })],
  ['no answer', async () => undefined],
  [
    'a price that is too high',
    async ({ frames }) => {
      frames.send({ dialDataRequest: { addrIdx: 0, numBytes: BigInt(DIAL_DATA.maxBytes) + 1n } })
      await assert.rejects(frames.read(limit()), 'nothing is paid')
      return undefined
    }
  ]
]
for (const [what, lie] of lies) {
  test(`tells nothing: ${what}`, async t => {
    const first = await startLiar(t, lie)
    const { node, told } = await startClient(t)
    await node.dial(first.liar.getMultiaddrs()[0]!)
    await first.served
    // it counts as no answer, so that the next question, to a server that is honest, is the first to be told
    const honest = await startServer(t)
    await node.dial(honest.getMultiaddrs()[0]!)
    assert.deepEqual(await told, { ip4: 'public', ip6: 'unknown' })
  })
}

test('who is not among the servers is not asked', async t => {
  const honest = await startServer(t)
  let asked = 0
  const { liar } = await startLiar(t, async () => {
    asked++
    return ERROR
  })
  const { node, told } = await startClient(t, new Set([honest.peerId.toString()]))
  await node.dial(liar.getMultiaddrs()[0]!)
  await node.dial(honest.getMultiaddrs()[0]!)
  assert.equal((await told).ip4, 'public')
  assert.equal(asked, 0)
})

test('our network changes: the server of before is asked no more, and the next one about all addresses again', async t => {
  let asked = 0
  const { liar, served } = await startLiar(t, async () => {
    asked++
    return ERROR
  })
  const { node, told } = await startClient(t)
  await node.dial(liar.getMultiaddrs()[0]!)
  await served
  assert.equal((await told).ip4, 'private')
  const { promise, resolve } = Promise.withResolvers<NetworkReachability>()
  node.services.autonat.events.on('reachability', resolve)
  node.services.autonat.networkChanged()
  const honest = await startServer(t)
  await node.dial(honest.getMultiaddrs()[0]!)
  // a verdict holds for an hour otherwise: three minutes on this clock
  assert.equal((await promise).ip4, 'public')
  assert.equal(asked, 1)
})
