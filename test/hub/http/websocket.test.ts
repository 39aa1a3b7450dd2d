import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Libp2p, Upgrader } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { webSockets } from '@libp2p/websockets'
import { createLibp2p } from 'libp2p'
import { WebSocket } from 'ws'
import { type HttpServerOptions, startHttpServer } from '../../../src/hub/http/index.ts'
import { yamux } from '../../../src/libp2p/yamux.ts'
import { HUB, listOf, MapRecords, open } from './site.ts'

const ECHO = '/test/echo/1.0.0'
const common = () => ({
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  connectionMonitor: { enabled: false },
  connectionGater: { denyDialMultiaddr: () => false }
})

async function startHub(t: TestContext, options: Partial<HttpServerOptions> = {}) {
  const hosts = options.hosts ?? ['127.0.0.1']
  const http = await startHttpServer({ hosts, port: 0, ...options })
  t.after(() => http.stop())
  const node = await createLibp2p({
    ...common(),
    addresses: { listen: hosts.map(host => `/ip4/${host}/tcp/${http.port}/ws`) },
    transports: [http.transport],
    // all of this comes from one address
    connectionManager: { inboundConnectionThreshold: 1_000 }
  })
  t.after(() => node.stop())
  await node.handle(ECHO, async stream => {
    for await (const data of stream) if (!stream.send(data)) await stream.onDrain()
    await stream.close()
  })
  await http.serve({ records: new MapRecords(), access: open, hub: () => HUB })
  return { http, node }
}

async function startPeer(t: TestContext): Promise<Libp2p> {
  const peer = await createLibp2p({ ...common(), transports: [webSockets()] })
  t.after(() => peer.stop())
  return peer
}

/** The side that answers is done with the handshake a little later. */
async function inboundOf(node: Libp2p, peer: Libp2p): Promise<Connection> {
  while (node.getConnections(peer.peerId).length === 0) await once(node as unknown as EventTarget, 'connection:open')
  return node.getConnections(peer.peerId)[0]!
}

describe('WebSockets on the port of the API', () => {
  it('carry libp2p while the API answers, on each address', async t => {
    const { http, node } = await startHub(t, { hosts: ['127.0.0.1', '127.0.0.2'] })
    assert.deepEqual(
      node.getMultiaddrs().map(String),
      ['127.0.0.1', '127.0.0.2'].map(host => `/ip4/${host}/tcp/${http.port}/ws/p2p/${node.peerId}`)
    )
    for (const address of node.getMultiaddrs()) {
      const peer = await startPeer(t)
      const connection = await peer.dial(address)
      assert.equal(connection.remotePeer.toString(), node.peerId.toString())
      const inbound = await inboundOf(node, peer)
      assert.match(inbound.remoteAddr.toString(), /^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d*\/ws/)
      const host = address.getComponents()[0]!.value
      const answer = await fetch(`http://${host}:${http.port}/v1/hub`)
      assert.equal(((await answer.json()) as typeof HUB).id, HUB.id)
    }
    // they are libp2p's now
    assert.ok(http.gate.connections <= 2)
  })

  it('keep the order of many bytes both ways, and hold back who sends faster than is read', async t => {
    const { node } = await startHub(t)
    const peer = await startPeer(t)
    const stream = byteStream(await peer.dialProtocol(node.getMultiaddrs()[0]!, ECHO))
    const signal = AbortSignal.timeout(30_000)
    const sent = Buffer.alloc(8_388_608)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32BE(at, at)
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 65_536) await stream.write(sent.subarray(at, at + 65_536), { signal })
    })()
    const received: Uint8Array[] = []
    for (let at = 0; at < sent.length; at += 65_536)
      received.push((await stream.read({ bytes: 65_536, signal })).subarray())
    await writing
    assert.ok(Buffer.concat(received).equals(sent))
  })

  it('end on both sides, whoever ends them, and however', async t => {
    const { node } = await startHub(t)
    // js-libp2p's dialling side cannot abort: it closes with a code that WebSockets do not let it say
    for (const end of [
      (outbound: Connection) => outbound.close(),
      (_: Connection, inbound: Connection) => inbound.close(),
      (_: Connection, inbound: Connection) => inbound.abort(new Error('enough'))
    ]) {
      const peer = await startPeer(t)
      const outbound = await peer.dial(node.getMultiaddrs()[0]!)
      const inbound = await inboundOf(node, peer)
      const ended = [outbound, inbound].map(each => once(each as unknown as EventTarget, 'close'))
      await end(outbound, inbound)
      await Promise.all(ended)
      assert.equal(node.getConnections(peer.peerId).length, 0)
    }
  })

  it('are refused, as everything else is', async t => {
    const limits = { requests: { burst: 2, refillMs: 3_600_000, maxKeys: 4 } }
    const { http } = await startHub(t, { limits })
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    const ask = async (headers: Record<string, string>) => {
      const [response] = await once(request({ port: http.port, headers }).end(), 'response')
      return [response.statusCode, response.headers['content-type'], JSON.parse(await text(response)).status]
    }
    assert.deepEqual(await ask(upgrade), [400, 'application/problem+json', 400])
    assert.deepEqual(await ask({ ...upgrade, 'sec-websocket-key': 'x' }), [400, 'application/problem+json', 400])
    assert.deepEqual(await ask(upgrade), [429, 'application/problem+json', 429])
  })

  it('are closed when they say what libp2p does not: texts, and messages without end', async t => {
    const { http } = await startHub(t)
    for (const message of ['hello', Buffer.alloc(1_048_577)]) {
      const socket = new WebSocket(`ws://127.0.0.1:${http.port}`)
      await once(socket, 'open')
      socket.on('error', () => {})
      socket.send(message)
      await once(socket, 'close')
    }
  })

  it('may be given up at any moment', async t => {
    const { http, node } = await startHub(t, { limits: { maxConnectionsFrom: 1_000 } })
    const head =
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const hello = `${head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
    const hangUp = async (index: number) => {
      const socket = connect(http.port, '127.0.0.1')
      socket.on('error', () => {})
      const ended = once(socket, 'close')
      socket.write(hello)
      if (index % 3 > 0) await once(socket, index % 3 === 1 ? 'connect' : 'data')
      socket.resetAndDestroy()
      await ended
    }
    await Promise.all(Array.from({ length: 150 }, (_, index) => hangUp(index)))
    const peer = await startPeer(t)
    assert.equal((await peer.dial(node.getMultiaddrs()[0]!)).status, 'open')
  })

  it('come from where a trusted proxy says, without a port', async t => {
    const { http, node } = await startHub(t, { trustedProxies: ['127.0.0.1'] })
    const seen: string[] = []
    const { components } = node as unknown as { components: { upgrader: Upgrader } }
    const { upgrader } = components
    const upgradeInbound = upgrader.upgradeInbound.bind(upgrader)
    upgrader.upgradeInbound = async (connection, options) => {
      seen.push(connection.remoteAddr.toString())
      await upgradeInbound(connection, options)
    }
    for (const client of ['203.0.113.7', '2001:db8::7']) {
      const socket = new WebSocket(`ws://127.0.0.1:${http.port}`, { headers: { 'x-forwarded-for': client } })
      await once(socket, 'open')
      socket.terminate()
    }
    assert.deepEqual(seen, ['/ip4/203.0.113.7/tcp/0/ws', '/ip6/2001:db8::7/tcp/0/ws'])
  })

  it('are not to be had before libp2p listens, and end with it', async t => {
    const http = await startHttpServer({ hosts: ['127.0.0.1'], port: 0 })
    t.after(() => http.stop())
    const [error] = await once(new WebSocket(`ws://127.0.0.1:${http.port}`), 'error')
    assert.match(String(error), /503/)

    const listen = [`/ip4/127.0.0.1/tcp/${http.port}/ws`]
    const node = await createLibp2p({ ...common(), addresses: { listen }, transports: [http.transport] })
    const peer = await startPeer(t)
    const connection = await peer.dial(node.getMultiaddrs()[0]!)
    const ended = once(connection as unknown as EventTarget, 'close')
    await node.stop()
    await ended
    const [again] = await once(new WebSocket(`ws://127.0.0.1:${http.port}`), 'error')
    assert.match(String(again), /503/)
  })

  it('live on when the HTTP server has stopped: libp2p says goodbye by them', async t => {
    const { http, node } = await startHub(t)
    const peer = await startPeer(t)
    const connection = await peer.dial(node.getMultiaddrs()[0]!)
    await inboundOf(node, peer)
    await http.stop()
    const stream = byteStream(await connection.newStream(ECHO))
    await stream.write(Buffer.from('hello'))
    assert.equal(Buffer.from((await stream.read({ bytes: 5 })).subarray()).toString(), 'hello')
  })

  it('are not listened for where there is no HTTP server, or another port', async t => {
    const http = await startHttpServer({ hosts: ['127.0.0.1'], port: 0 })
    t.after(() => http.stop())
    for (const address of [`/ip4/127.0.0.2/tcp/${http.port}/ws`, '/ip4/127.0.0.1/tcp/1/ws']) {
      const node = createLibp2p({ ...common(), addresses: { listen: [address] }, transports: [http.transport] })
      await assert.rejects(node, /no HTTP server listens on 127\.0\.0\.2|listens at port/)
    }
  })
})

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  return Buffer.concat(await listOf(stream)).toString()
}
