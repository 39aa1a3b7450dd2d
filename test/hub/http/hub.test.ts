import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { delegatedRoutingV1HttpApiClient } from '@helia/delegated-routing-v1-http-api-client'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { startHub } from '../../../src/hub/index.ts'
import { listOf, newPeer, RECORD } from './site.ts'

it('a hub keeps what is left over HTTP, and says where a peer can be reached', async t => {
  const dataDir = await mkdtemp(join(tmpdir(), 'beeline-http-'))
  const hub = await startHub({
    hosts: ['127.0.0.1'],
    port: 0,
    httpPort: 0,
    stunPort: 0,
    dataDir,
    store: 'memory:',
    operatorToken: 'sesame'
  })
  t.after(async () => {
    await hub.stop()
    await rm(dataDir, { recursive: true })
  })
  const origin = `http://127.0.0.1:${hub.httpPort}`
  const peer = await newPeer()
  const url = `${origin}/v1/peers/${peer.id}`
  const send = async (method: string, body: Uint8Array) => {
    return (await fetch(url, { method, body: Buffer.from(body), headers: { 'content-type': RECORD } })).status
  }
  assert.equal((await fetch(`${origin}/health`)).status, 200)
  assert.deepEqual(await (await fetch(`${origin}/v1/hub`)).json(), { id: hub.id, addrs: hub.addrs, api: '1.0.0' })

  const address = '/ip4/192.0.2.7/udp/4001/quic-v1'
  const first = await peer.record({ addresses: [multiaddr(address)] })
  assert.deepEqual([await send('PUT', first), await send('PUT', first)], [201, 200])
  assert.equal(await send('PUT', await peer.record({ seq: 2, addresses: [multiaddr(address)] })), 200)
  assert.equal(await send('PUT', first), 409)
  assert.equal(await send('PUT', await (await newPeer()).record()), 422)
  assert.equal(await send('PUT', await peer.record({ seq: 3, issuedAtSeconds: 1_000 })), 422)
  assert.equal((await fetch(url)).headers.get('etag'), '"2"')

  const client = delegatedRoutingV1HttpApiClient({ url: new URL(origin) })({ logger: defaultLogger() })
  const found = await listOf(client.getPeers(peerIdFromString(peer.id).toCID()))
  assert.deepEqual(found[0]?.Addrs.map(String), [address])

  const listed = await fetch(`${origin}/v1/peers`, { headers: { authorization: 'Bearer sesame' } })
  assert.deepEqual(await listed.json(), { peers: [peer.id] })

  assert.equal(await send('DELETE', await peer.record({ seq: 4, left: true })), 204)
  assert.equal((await fetch(url)).status, 404)
  assert.equal(await send('PUT', await peer.record({ seq: 3 })), 409)
  assert.equal(await send('PUT', await peer.record({ seq: 5 })), 201)
})
