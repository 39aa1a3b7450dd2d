import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Outcome } from '../../../src/hub/records/api.ts'
import { sealPeerRecord } from '../../../src/libp2p/peer-record.ts'
import { type Answer, newPeer, OPERATOR, open, RECORD, type Site, startSite } from './site.ts'

const ADDRESS = '/ip4/192.0.2.7/udp/4001/quic-v1'

function put({ ask }: Site, id: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(`/v1/peers/${id}`, { method: 'PUT', body, headers: { 'content-type': RECORD, ...headers } })
}

/** RFC 9457: the body says the same as the status. */
function assertProblem({ status, headers, json }: Answer, expected: number, type: string | RegExp): void {
  assert.equal(status, expected, JSON.stringify(json))
  assert.equal(headers['content-type'], 'application/problem+json')
  assert.equal(json.status, expected)
  assert.match(json.type, typeof type === 'string' ? new RegExp(`^/v1/problems/${type}$`) : type)
  assert.equal(typeof json.title, 'string')
}

describe('a record over HTTP', () => {
  it('is left, read, replaced and taken back', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    const first = await peer.record({ addresses: [multiaddr(ADDRESS)] })

    const created = await put(site, peer.id, first)
    assert.deepEqual([created.status, created.json], [201, { lifetimeSeconds: 3_600 }])
    const again = await put(site, peer.id, first, { 'content-type': 'application/octet-stream' })
    assert.equal(again.status, 200)

    const read = await site.ask(`/v1/peers/${peer.id}`)
    assert.equal(read.status, 200)
    assert.deepEqual(read.body, Buffer.from(first))
    assert.equal(read.headers['content-type'], RECORD)
    assert.equal(read.headers.etag, '"1"')
    assert.equal(read.headers.vary, 'Accept')
    assert.equal(read.headers['cache-control'], 'no-cache')

    const second = await peer.record({ seq: 2 })
    assert.equal((await put(site, peer.id, second)).status, 200)
    assert.deepEqual((await site.ask(`/v1/peers/${peer.id}`)).body, Buffer.from(second))

    const goodbye = await peer.record({ seq: 3, left: true })
    const left = await site.ask(`/v1/peers/${peer.id}`, {
      method: 'DELETE',
      body: goodbye,
      headers: { 'content-type': RECORD }
    })
    assert.deepEqual([left.status, left.text], [204, ''])
    assertProblem(await site.ask(`/v1/peers/${peer.id}`), 404, 'no-record')
  })

  it('is told in a form to be read to whoever wants JSON', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    const envelope = await peer.record({
      addresses: [multiaddr(ADDRESS)],
      issuedAtSeconds: nowSeconds(),
      lifetimeSeconds: 600
    })
    await put(site, peer.id, envelope)
    const { headers, json } = await site.ask(`/v1/peers/${peer.id}`, { headers: { accept: 'application/json' } })
    assert.match(headers['content-type']!, /^application\/json/)
    assert.equal(headers.etag, 'W/"1"')
    const { issuedAt, ...rest } = json
    assert.ok(Math.abs(Date.parse(issuedAt) - Date.now()) < 60_000)
    assert.deepEqual(rest, {
      id: peer.id,
      seq: 1,
      lifetimeSeconds: 600,
      addrs: [ADDRESS],
      envelope: Buffer.from(envelope).toString('base64')
    })
  })

  it('is not sent again to whoever has it, in whatever form', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    await put(site, peer.id, await peer.record({ seq: 7 }))
    for (const [tag, status] of [
      ['"7"', 304],
      ['W/"7"', 304],
      ['"1", "7"', 304],
      ['*', 304],
      ['"6"', 200]
    ] as const) {
      const { status: got, headers } = await site.ask(`/v1/peers/${peer.id}`, { headers: { 'if-none-match': tag } })
      assert.deepEqual([got, headers.etag], [status, '"7"'], tag)
    }
  })

  it('is asked for by any way to write its id', async t => {
    const site = await startSite(t)
    for (const kind of ['Ed25519', 'secp256k1', 'RSA'] as const) {
      const key = kind === 'RSA' ? await generateKeyPair('RSA', 2_048) : await generateKeyPair(kind)
      const id = peerIdFromPrivateKey(key)
      await put(site, id.toString(), await sealPeerRecord(key, { seq: 1 }))
      const cid = peerIdFromString(id.toString()).toCID().toString()
      assert.equal((await site.ask(`/v1/peers/${id}`)).status, 200, `${kind} ${id}`)
      assert.equal((await site.ask(`/v1/peers/${cid}`)).status, 200, `${kind} ${cid}`)
    }
  })

  it('is answered to HEAD without a body', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    await put(site, peer.id, await peer.record())
    const { status, headers, text } = await site.ask(`/v1/peers/${peer.id}`, { method: 'HEAD' })
    assert.deepEqual([status, headers.etag, text], [200, '"1"', ''])
  })
})

describe('what is refused says why', () => {
  it('an id that is none', async t => {
    const site = await startSite(t)
    for (const id of [
      'alice',
      '12D3KooW',
      'QmNoPeerId',
      '1',
      'bafzNo',
      'k51qzi5uqu5',
      '%F0%9F%90%9D',
      '..%2f',
      'a'.repeat(129),
      'a'.repeat(9_000)
    ]) {
      const answer = await site.ask(`/v1/peers/${id}`)
      assertProblem(answer, 400, /^(\/v1\/problems\/bad-peer-id|about:blank)$/)
    }
    const peer = await newPeer()
    assertProblem(await put(site, 'alice', await peer.record()), 400, 'bad-peer-id')
    assert.equal(site.records.askers.length, 0)
  })

  it("what is no record, is not signed, is another's, or is not there", async t => {
    const site = await startSite(t)
    const [peer, other] = [await newPeer(), await newPeer()]
    const envelope = await peer.record()
    const forged = envelope.slice()
    forged[forged.length - 1]! ^= 1
    for (const body of [Buffer.from('record'), forged, await other.record(), Buffer.alloc(8_192), Buffer.alloc(0)]) {
      assertProblem(await put(site, peer.id, body), 422, 'bad-record')
    }
    assert.equal(site.records.kept.size, 0)
  })

  it('a goodbye that is none', async t => {
    const site = await startSite(t)
    const [peer, other] = [await newPeer(), await newPeer()]
    await put(site, peer.id, await peer.record())
    const goodbyes = [
      await peer.record({ seq: 2 }),
      await other.record({ seq: 2, left: true }),
      Buffer.from('bye'),
      Buffer.alloc(0)
    ]
    for (const body of goodbyes) {
      const headers = { 'content-type': RECORD }
      assertProblem(await site.ask(`/v1/peers/${peer.id}`, { method: 'DELETE', body, headers }), 422, 'bad-record')
    }
    assert.equal((await site.ask(`/v1/peers/${peer.id}`)).status, 200)
  })

  it('a forged goodbye; and no signature is checked but where that is counted', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    await put(site, peer.id, await peer.record())
    const body = await peer.record({ seq: 2, left: true })
    body[body.length - 1]! ^= 1
    const asked = { method: 'DELETE', body, headers: { 'content-type': RECORD } }
    assertProblem(await site.ask(`/v1/peers/${peer.id}`, asked), 422, 'bad-record')
    assert.equal((await site.ask(`/v1/peers/${peer.id}`)).status, 200)
    site.records.instead = { status: 'LIMIT', detail: 'too many signatures' }
    assertProblem(await site.ask(`/v1/peers/${peer.id}`, asked), 429, 'limit')
  })

  it('an older record, with the newer one', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    const newer = await peer.record({ seq: 9 })
    await put(site, peer.id, newer)
    const answer = await put(site, peer.id, await peer.record({ seq: 8 }))
    assertProblem(answer, 409, 'stale')
    assert.deepEqual([answer.json.seq, answer.json.envelope], [9, Buffer.from(newer).toString('base64')])
  })

  it('a record of another day', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    assertProblem(await put(site, peer.id, await peer.record({ issuedAtSeconds: 1_000_000 })), 422, 'bad-clock')
  })

  const rows: [outcome: Outcome, status: number, type: string, retry: string | undefined][] = [
    [{ status: 'LIMIT', detail: 'too fast', retrySeconds: 2.2 }, 429, 'limit', '3'],
    [{ status: 'LIMIT' }, 429, 'limit', '5'],
    [{ status: 'UNAVAILABLE', detail: 'the store' }, 503, 'unavailable', '5'],
    [{ status: 'FORBIDDEN', detail: 'not you' }, 403, 'forbidden', undefined]
  ]
  for (const [outcome, status, type, retry] of rows) {
    it(`what Records answer with ${outcome.status}`, async t => {
      const site = await startSite(t)
      const peer = await newPeer()
      site.records.instead = outcome
      const headers = { 'content-type': RECORD }
      const goodbye = await peer.record({ left: true })
      for (const answer of [
        await put(site, peer.id, await peer.record()),
        await site.ask(`/v1/peers/${peer.id}`),
        await site.ask(`/v1/peers/${peer.id}`, { method: 'DELETE', body: goodbye, headers }),
        await site.ask(`/routing/v1/peers/${peer.id}`)
      ]) {
        assertProblem(answer, status, type)
        assert.equal(answer.headers['retry-after'], retry)
        if (outcome.detail != null) assert.equal(answer.json.detail, outcome.detail)
      }
    })
  }

  it('a type that is not taken, or not there', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    for (const type of ['application/json', 'text/plain', 'nonsense', '']) {
      const answer = await put(site, peer.id, await peer.record(), { 'content-type': type })
      assertProblem(answer, 415, /^about:blank$/)
    }
    await put(site, peer.id, await peer.record())
    assertProblem(await site.ask(`/v1/peers/${peer.id}`, { headers: { accept: 'text/html' } }), 406, /^about:blank$/)
  })
})

describe('who may', () => {
  it('list peers: only the operator, in pages', async t => {
    const site = await startSite(t)
    const peers = await Promise.all([1, 2, 3].map(newPeer))
    for (const peer of peers) await put(site, peer.id, await peer.record())
    const ids = peers.map(({ id }) => id).sort()

    const nobody = await site.ask('/v1/peers')
    assertProblem(nobody, 401, 'token-needed')
    assert.equal(nobody.headers['www-authenticate'], 'Bearer')
    for (const authorization of ['Bearer wrong', `Bearer ${OPERATOR}x`, 'Bearer whoever']) {
      assertProblem(await site.ask('/v1/peers', { headers: { authorization } }), 403, 'forbidden')
    }
    assertProblem(await site.ask('/v1/peers', { headers: { authorization: `Basic ${OPERATOR}` } }), 401, 'token-needed')

    const headers = { authorization: `Bearer ${OPERATOR}` }
    assert.deepEqual((await site.ask('/v1/peers', { headers })).json, { peers: ids })
    const page = (await site.ask('/v1/peers?limit=2', { headers })).json
    assert.deepEqual(page, { peers: ids.slice(0, 2), next: ids[1] })
    assert.deepEqual((await site.ask(`/v1/peers?after=${page.next}`, { headers })).json, { peers: ids.slice(2) })
    for (const query of ['limit=0', 'limit=1001', 'limit=many', `after=${'a'.repeat(129)}`, 'from=1']) {
      assertProblem(await site.ask(`/v1/peers?${query}`, { headers }), 400, /^about:blank$/)
    }
    site.records.instead = { status: 'UNAVAILABLE' }
    assertProblem(await site.ask('/v1/peers', { headers }), 503, 'unavailable')
  })

  it('list peers: nobody where there is no token', async t => {
    const site = await startSite(t, { api: { operatorToken: undefined } })
    const answer = await site.ask('/v1/peers', { headers: { authorization: 'Bearer undefined' } })
    assertProblem(answer, 403, 'forbidden')
    assert.match(answer.json.detail, /without an operator token/)
  })

  it('use a hub with tokens: who has one; and a peer on its list is left a record of by anybody', async t => {
    const [peer, listed] = [await newPeer(), await newPeer()]
    const sources: string[] = []
    const bearer = (token: string | undefined, source: string) => {
      sources.push(source)
      return token === 'sesame' ? undefined : 'this hub is for those who have a token'
    }
    const refusal = (id: string) => (id === listed.id ? undefined : 'not on the list')
    const site = await startSite(t, { api: { access: { ...open, bearer, refusal } } })

    assertProblem(await put(site, peer.id, await peer.record()), 401, 'token-needed')
    assertProblem(await put(site, peer.id, await peer.record(), { authorization: 'Bearer x' }), 403, 'forbidden')
    assert.equal((await put(site, peer.id, await peer.record(), { authorization: 'Bearer sesame' })).status, 201)
    assert.equal((await put(site, listed.id, await listed.record())).status, 201)
    for (const path of ['/v1/peers', '/routing/v1/peers']) {
      assertProblem(await site.ask(`${path}/${listed.id}`), 401, 'token-needed')
      const headers = { authorization: 'bearer sesame' }
      assert.equal((await site.ask(`${path}/${listed.id}`, { headers })).status, 200)
    }
    assert.deepEqual([...new Set(sources)], ['127.0.0.1'])
  })
})

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}
