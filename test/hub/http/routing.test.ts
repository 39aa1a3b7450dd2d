import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { delegatedRoutingV1HttpApiClient } from '@helia/delegated-routing-v1-http-api-client'
import { defaultLogger } from '@libp2p/logger'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { base36 } from 'multiformats/bases/base36'
import { listOf, newPeer, RECORD, type Site, startSite } from './site.ts'

const QUIC = '/ip4/192.0.2.7/udp/4001/quic-v1'
const TCP = '/ip6/2001:db8::7/tcp/4001'
const RELAYED = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD/p2p-circuit'
const ADDRESSES = [QUIC, TCP, RELAYED]

async function siteWithPeer(t: TestContext, addresses: readonly string[] = ADDRESSES): Promise<Site & { id: string }> {
  const site = await startSite(t)
  const peer = await newPeer()
  const body = await peer.record({ addresses: addresses.map(each => multiaddr(each)) })
  await site.ask(`/v1/peers/${peer.id}`, { method: 'PUT', body, headers: { 'content-type': RECORD } })
  return { ...site, id: peer.id }
}

describe('Delegated Routing V1', () => {
  it("is what Helia's client finds a peer by", async t => {
    const { origin, id } = await siteWithPeer(t)
    const client = delegatedRoutingV1HttpApiClient({ url: new URL(origin) })({ logger: defaultLogger() })
    const found = await listOf(client.getPeers(peerIdFromString(id).toCID()))
    assert.deepEqual(
      found.map(({ ID, Addrs, Protocols }) => [ID.toString(), Addrs.map(String), Protocols]),
      [[peerIdFromString(id).toCID().toString(), ADDRESSES, []]]
    )
    const filtered = await listOf(
      client.getPeers(peerIdFromString(id).toCID(), { filterAddrs: ['quic-v1'], filterProtocols: ['unknown'] })
    )
    assert.deepEqual(filtered[0]!.Addrs.map(String), [QUIC])
    const nobody = peerIdFromString((await newPeer()).id).toCID()
    assert.deepEqual(await listOf(client.getPeers(nobody)), [])
  })

  it('answers with JSON, and line by line to those who ask for that', async t => {
    const { ask, id } = await siteWithPeer(t)
    const peer = { Schema: 'peer', ID: id, Addrs: ADDRESSES, Protocols: [] }
    for (const accept of [
      'application/json',
      '*/*',
      'application/*',
      'text/html',
      'application/json, application/x-ndjson;q=0.5'
    ]) {
      const { status, headers, json } = await ask(`/routing/v1/peers/${id}`, { headers: { accept } })
      assert.deepEqual([status, json], [200, { Peers: [peer] }], accept)
      assert.match(headers['content-type']!, /^application\/json/)
      assert.equal(headers.vary, 'Accept')
      assert.equal(headers['cache-control'], 'public, max-age=30, stale-while-revalidate=3600, stale-if-error=3600')
      assert.ok(Math.abs(Date.parse(headers['last-modified']!) - Date.now()) < 60_000)
    }
    const lines = await ask(`/routing/v1/peers/${id}`, { headers: { accept: 'application/x-ndjson' } })
    assert.equal(lines.headers['content-type'], 'application/x-ndjson')
    assert.equal(lines.text, `${JSON.stringify(peer)}\n`)
  })

  it('answers with nothing where nobody is found, for a little while', async t => {
    const { ask } = await startSite(t)
    const { id } = await newPeer()
    const { status, headers, json } = await ask(`/routing/v1/peers/${id}`)
    assert.deepEqual([status, json], [200, { Peers: [] }])
    assert.equal(headers['cache-control'], 'public, max-age=15, stale-while-revalidate=15, stale-if-error=15')
    const lines = await ask(`/routing/v1/peers/${id}`, { headers: { accept: 'application/x-ndjson' } })
    assert.deepEqual([lines.status, lines.text], [200, ''])
  })

  it('takes ids in base58 and as CIDs, and no others', async t => {
    const { ask, id } = await siteWithPeer(t)
    const cid = peerIdFromString(id).toCID()
    for (const each of [id, cid.toString(), cid.toString(base36)]) {
      const { status, json } = await ask(`/routing/v1/peers/${each}`)
      assert.deepEqual([status, json.Peers.length], [200, 1], each)
    }
    for (const each of [
      'alice',
      'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
      '%20',
      'a'.repeat(200)
    ]) {
      const { status, headers, json } = await ask(`/routing/v1/peers/${each}`)
      assert.deepEqual([status, json.status, headers['content-type']], [422, 422, 'application/problem+json'], each)
    }
  })

  const rows: [query: string, addresses: readonly string[] | undefined][] = [
    ['', ADDRESSES],
    ['filter-addrs=', ADDRESSES],
    ['filter-addrs=tcp', [TCP, RELAYED]],
    ['filter-addrs=TCP,%20QUIC-V1', ADDRESSES],
    ['filter-addrs=quic-v1%2Cip6', [QUIC, TCP]],
    ['filter-addrs=!p2p-circuit', [QUIC, TCP]],
    ['filter-addrs=!p2p-circuit,tcp', [TCP]],
    ['filter-addrs=webrtc-direct,wss', undefined],
    ['filter-addrs=unknown', undefined],
    ['filter-protocols=transport-bitswap', undefined],
    ['filter-protocols=transport-bitswap,unknown', ADDRESSES],
    ['filter-addrs=tcp&filter-protocols=unknown', [TCP, RELAYED]]
  ]
  it('tells what is asked for only (IPIP-0484)', async t => {
    const { ask, id } = await siteWithPeer(t)
    for (const [query, addresses] of rows) {
      const { json } = await ask(`/routing/v1/peers/${id}?${query}`)
      assert.deepEqual(json.Peers[0]?.Addrs, addresses, query)
    }
    const { status } = await ask(`/routing/v1/peers/${id}?filter-addrs=${'a'.repeat(1_025)}`)
    assert.equal(status, 422)
  })

  it('tells of a peer without addresses to those who take that', async t => {
    const { ask, id } = await siteWithPeer(t, [])
    for (const [query, found] of [
      ['', 1],
      ['filter-addrs=unknown,tcp', 1],
      ['filter-addrs=tcp', 0]
    ] as const) {
      assert.equal((await ask(`/routing/v1/peers/${id}?${query}`)).json.Peers.length, found, query)
    }
  })

  it('may be asked by the pages of all websites', async t => {
    const { ask, id } = await siteWithPeer(t)
    for (const path of [id, 'alice', (await newPeer()).id]) {
      const { headers } = await ask(`/routing/v1/peers/${path}`, { headers: { origin: 'https://page.example' } })
      assert.equal(headers['access-control-allow-origin'], '*')
      assert.equal(headers['access-control-allow-methods'], 'GET, OPTIONS')
    }
    const preflight = await ask(`/routing/v1/peers/${id}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://page.example', 'access-control-request-method': 'GET' }
    })
    assert.equal(preflight.status, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.match(preflight.headers['access-control-allow-headers']!, /Authorization/)
    // the rest of the API is for the hub's own pages
    assert.equal((await ask(`/v1/peers/${id}`)).headers['access-control-allow-origin'], undefined)
  })

  it('is not what a hub has nothing to do with', async t => {
    const { ask } = await startSite(t)
    for (const path of ['providers/bafy', 'ipns/k51', 'dht/closest/peers/bafy']) {
      const { status, json, headers } = await ask(`/routing/v1/${path}`)
      assert.deepEqual([status, json.status, headers['access-control-allow-origin']], [501, 501, '*'], path)
    }
  })
})
