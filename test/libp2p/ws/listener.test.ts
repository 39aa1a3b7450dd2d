import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it, type TestContext } from 'node:test'
import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { WebSocketServer } from 'ws'
import { WebSocketListener, type WebSocketSource } from '../../../src/libp2p/ws/listener.ts'

type Taker = Parameters<WebSocketSource['take']>[1]

/** A listener, to which somebody opens a WebSocket and then says nothing more. */
async function listening(
  t: TestContext,
  address: string,
  upgradeInbound: (connection: MultiaddrConnection) => Promise<void>
) {
  const websockets = new WebSocketServer({ noServer: true })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const takers: Taker[] = []
  const take = (_: string, taker: Taker) => {
    takers.push(taker)
    return { port, release: () => takers.pop() }
  }
  const options = { upgrader: { upgradeInbound } as unknown as Upgrader }
  const listener = new WebSocketListener({ take }, options, defaultLogger())
  await listener.listen(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`))
  server.on('upgrade', (request, socket, head) =>
    websockets.handleUpgrade(request, socket, head, websocket => takers[0]!(websocket, { address, port: 7 }))
  )
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
  }
  const [, socket] = await once(request({ port, headers }).end(), 'upgrade')
  return { listener, socket }
}

for (const [address, remote] of [
  ['192.0.2.7', '/ip4/192.0.2.7/tcp/7/ws'],
  ['2001:db8::7', '/ip6/2001:db8::7/tcp/7/ws'],
  ['fe80::7%eth0', '/ip6/fe80::7/tcp/7/ws']
] as const) {
  it(`a connection comes from ${remote}`, async t => {
    const { promise, resolve } = Promise.withResolvers<MultiaddrConnection>()
    const { listener } = await listening(t, address, async connection => resolve(connection))
    const connection = await promise
    assert.equal(connection.remoteAddr.toString(), remote)
    assert.equal(connection.direction, 'inbound')
    await listener.close()
  })
}

it('a listener that closes waits for nobody, also not for those to whom it has said goodbye', async t => {
  const said = Promise.withResolvers<void>()
  const { listener, socket } = await listening(t, '192.0.2.7', async connection => {
    await connection.close()
    said.resolve()
  })
  await said.promise
  const ended = once(socket.resume(), 'close')
  await listener.close()
  await ended
})

it('a connection that cannot be upgraded is closed', async t => {
  const { listener, socket } = await listening(t, '192.0.2.7', async () => {
    throw new Error('no Noise')
  })
  await once(socket.resume(), 'close')
  await listener.close()
})
