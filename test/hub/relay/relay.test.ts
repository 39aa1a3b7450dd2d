import assert from 'node:assert/strict'
import test from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { byteStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type RelayLimits, relayService } from '../../../src/hub/relay/index.ts'
import { circuitRelay } from '../../../src/libp2p/circuit/index.ts'
import { Frames } from '../../../src/libp2p/frames.ts'
import { optimisticMuxer } from '../../../src/libp2p/optimistic.ts'
import { HOP_PROTOCOL, type HopMessage, hopCodec } from '../../../src/wire/circuit.ts'

type Kind = 'ours' | 'stock'

const ECHO = '/test/echo/1.0.0'
const common = () => ({
  connectionEncrypters: [noise()],
  connectionGater: { denyDialMultiaddr: () => false },
  // all of this comes from one address
  connectionManager: { inboundConnectionThreshold: 1_000 }
})

async function startRelay(kind: Kind, limits: Partial<RelayLimits> = {}): Promise<Libp2p> {
  return await createLibp2p({
    ...common(),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    streamMuxers: [kind === 'ours' ? optimisticMuxer(yamux()) : yamux()],
    services: {
      identify: identify(),
      relay:
        kind === 'ours' ? relayService({ limits }) : circuitRelayServer({ reservations: { applyDefaultLimit: false } })
    }
  })
}

async function startPeer(kind: Kind, relay?: Libp2p, token?: string): Promise<Libp2p> {
  const listen = relay == null ? [] : [`${relay.getMultiaddrs()[0]}/p2p-circuit`]
  const peer = await createLibp2p({
    ...common(),
    addresses: { listen },
    transports: [tcp(), kind === 'ours' ? circuitRelay({ tokenFor: () => token }) : circuitRelayTransport()],
    streamMuxers: [kind === 'ours' ? optimisticMuxer(yamux()) : yamux()],
    services: { identify: identify() }
  })
  await peer.handle(
    ECHO,
    async stream => {
      for await (const data of stream) stream.send(data)
      await stream.close()
    },
    { runOnLimitedConnection: true }
  )
  return peer
}

function over(relay: Libp2p, peer: PeerId | string) {
  return multiaddr(`${relay.getMultiaddrs()[0]}/p2p-circuit/p2p/${peer}`)
}

async function echo(connection: Connection, bytes: number): Promise<number> {
  const stream = await connection.newStream(ECHO, { runOnLimitedConnection: true })
  const wrapped = byteStream(stream)
  const signal = AbortSignal.timeout(20_000)
  const block = Buffer.alloc(Math.min(bytes, 65_536), 7)
  const writing = (async () => {
    for (let sent = 0; sent < bytes; sent += block.length) await wrapped.write(block, { signal })
  })()
  let received = 0
  for (; received < bytes; received += block.length) {
    const data = await wrapped.read({ bytes: block.length, signal })
    assert.ok(block.equals(data.subarray()), 'the bytes are not those that were sent')
  }
  await writing
  await stream.close({ signal })
  return received
}

async function stopAll(...nodes: Libp2p[]): Promise<void> {
  await Promise.all(nodes.map(async node => node.stop()))
}

const grid: ReadonlyArray<readonly [Kind, Kind, Kind]> = [
  ['ours', 'ours', 'ours'],
  ['stock', 'ours', 'ours'],
  ['ours', 'stock', 'ours'],
  ['ours', 'ours', 'stock'],
  ['stock', 'ours', 'stock'],
  ['stock', 'stock', 'ours'],
  ['ours', 'stock', 'stock']
]
for (const [dialer, listener, relayKind] of grid) {
  test(`dialer ${dialer}, listener ${listener}, relay ${relayKind}: 1 MiB there and back`, async () => {
    const relay = await startRelay(relayKind)
    const bob = await startPeer(listener, relay)
    const alice = await startPeer(dialer)
    try {
      const connection = await alice.dial(over(relay, bob.peerId))
      assert.equal(connection.direct, false)
      assert.equal(connection.limits, undefined)
      assert.equal(await echo(connection, 1_048_576), 1_048_576)
    } finally {
      await stopAll(alice, bob, relay)
    }
  })
}

test('a relay of js-libp2p reads past a token', async () => {
  const relay = await startRelay('stock')
  const bob = await startPeer('ours', relay, 'secret')
  const alice = await startPeer('ours', undefined, 'secret')
  try {
    assert.equal(await echo(await alice.dial(over(relay, bob.peerId)), 65_536), 65_536)
  } finally {
    await stopAll(alice, bob, relay)
  }
})

test('a limit on bytes counts each way by itself, and is told to both ends', async () => {
  const relay = await startRelay('ours', { circuitBytes: 300_000, circuitSeconds: 600 })
  const bob = await startPeer('ours', relay)
  const alice = await startPeer('ours')
  try {
    const connection = await alice.dial(over(relay, bob.peerId))
    assert.ok(connection.limits?.bytes != null && connection.limits.bytes <= 300_000n)
    assert.ok(connection.limits.seconds != null && connection.limits.seconds > 500)
    // 200 kB each way are 400 kB in all: more than the limit, if it were one for both
    assert.equal(await echo(connection, 196_608), 196_608)
    await assert.rejects(echo(connection, 196_608))
  } finally {
    await stopAll(alice, bob, relay)
  }
})

const refusals: ReadonlyArray<readonly [string, Partial<RelayLimits>, string, RegExp]> = [
  ['a peer that is not there', {}, 'PEER_OFFLINE', /is not at the hub/],
  ['a relay without room', { maxCircuits: 0 }, 'HUB_REFUSED', /it carries at most 0 at once in all; try later/]
]
for (const [what, limits, code, message] of refusals) {
  test(`a dial to ${what} fails with ${code}`, async () => {
    const relay = await startRelay('ours', limits)
    const bob = await startPeer('ours', code === 'HUB_REFUSED' ? relay : undefined)
    const alice = await startPeer('ours')
    try {
      await assert.rejects(alice.dial(over(relay, bob.peerId)), error => {
        const cause = error instanceof AggregateError ? error.errors[0] : error
        assert.match(String(cause.message), message)
        return true
      })
    } finally {
      await stopAll(alice, bob, relay)
    }
  })
}

async function ask(connection: Connection, request: HopMessage): Promise<HopMessage> {
  const frames = new Frames(await connection.newStream(HOP_PROTOCOL), hopCodec, 'circuit hop')
  frames.send(request)
  return await frames.read(AbortSignal.timeout(5_000))
}

test('requests that make no sense are refused, each with its status', async () => {
  const relay = await startRelay('ours', { maxReservations: 1 })
  const alice = await startPeer('ours', relay)
  const bob = await startPeer('ours')
  try {
    const connection = await bob.dial(relay.getMultiaddrs()[0]!)
    const id = (peer: PeerId) => ({ id: peer.toMultihash().bytes, addrs: [] })
    const rows: ReadonlyArray<readonly [HopMessage, string]> = [
      [{ type: 'RESERVE' }, 'RESERVATION_REFUSED'],
      [{ type: 'CONNECT' }, 'MALFORMED_MESSAGE'],
      [{ type: 'CONNECT', peer: { id: Uint8Array.of(1, 2, 3), addrs: [] } }, 'MALFORMED_MESSAGE'],
      [{ type: 'CONNECT', peer: id(bob.peerId) }, 'PERMISSION_DENIED'],
      [{ type: 'CONNECT', peer: id(relay.peerId) }, 'PERMISSION_DENIED'],
      [{ type: 'STATUS', status: 'OK' }, 'UNEXPECTED_MESSAGE'],
      [{}, 'UNEXPECTED_MESSAGE']
    ]
    for (const [request, status] of rows) {
      assert.equal((await ask(connection, request)).status, status, JSON.stringify(request))
    }
    assert.equal(
      (await ask(await alice.dial(relay.peerId), { type: 'RESERVE' })).status,
      'OK',
      'a renewal has its place'
    )
  } finally {
    await stopAll(alice, bob, relay)
  }
})

test('a reservation is made again when the relay comes back', async () => {
  const first = await startRelay('ours')
  const address = first.getMultiaddrs()[0]!
  const bob = await startPeer('ours', first)
  const { privateKey } = (first as unknown as { components: { privateKey: never } }).components
  await first.stop()
  const second = await createLibp2p({
    ...common(),
    privateKey,
    addresses: { listen: [address.decapsulate('/p2p').toString()] },
    transports: [tcp()],
    streamMuxers: [yamux()],
    services: { identify: identify(), relay: relayService() }
  })
  const alice = await startPeer('ours')
  try {
    const deadline = AbortSignal.timeout(15_000)
    let connection: Connection | undefined
    while (connection == null) {
      deadline.throwIfAborted()
      connection = await alice.dial(over(second, bob.peerId), { signal: deadline }).catch(() => undefined)
    }
    assert.equal(await echo(connection, 1_024), 1_024)
  } finally {
    await stopAll(alice, bob, second)
  }
})
