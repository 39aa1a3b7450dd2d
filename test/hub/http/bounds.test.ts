import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { Agent as Dispatcher } from 'undici'
import { VirtualClock } from '../../../src/core/clock.ts'
import { startHttpServer } from '../../../src/hub/http/index.ts'
import { allOf, HUB, MapRecords, newPeer, open, RECORD, type Site, startSite } from './site.ts'

/** Of what came back: how it begins, and the problem. */
function read(response: string): { status: number; close: boolean; problem: Record<string, unknown> } {
  const [head = '', body = ''] = response.split('\r\n\r\n')
  assert.match(head, /content-type: application\/problem\+json/i, response)
  return {
    status: Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]),
    close: /connection: close/i.test(head),
    problem: JSON.parse(body)
  }
}

async function untilGone({ server }: Site): Promise<void> {
  for (const endMs = performance.now() + 15_000; server.gate.connections > 0; ) {
    assert.ok(performance.now() < endMs, `${server.gate.connections} connections are left`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('what is too much', () => {
  const BIG = Buffer.alloc(10_000_000)

  it('a record of 10 MB: its sender is told, however it sends it', async t => {
    const site = await startSite(t)
    const { id } = await newPeer()
    const url = `${site.origin}/v1/peers/${id}`
    const dispatcher = new Dispatcher()
    t.after(() => dispatcher.close())
    const chunks = async function* () {
      for (let at = 0; at < BIG.length; at += 65_536) yield BIG.subarray(at, at + 65_536)
    }
    for (const body of [BIG, Readable.from(chunks())]) {
      const {
        statusCode,
        headers,
        body: answer
      } = await dispatcher.request({
        origin: site.origin,
        path: `/v1/peers/${id}`,
        method: 'PUT',
        headers: { 'content-type': RECORD },
        body
      })
      assert.deepEqual([statusCode, headers['content-type']], [413, 'application/problem+json'])
      assert.equal(((await answer.json()) as { status: number }).status, 413)
    }
    const fetched = await fetch(url, { method: 'PUT', headers: { 'content-type': RECORD }, body: BIG })
    assert.equal(fetched.status, 413)
    assert.equal(site.records.askers.length, 0)
  })

  it('and who asks before it is sent need not send it', async t => {
    const site = await startSite(t)
    const peer = await newPeer()
    const small = Buffer.from(await peer.record())
    for (const [body, status] of [
      [BIG, 413],
      [small, 201]
    ] as const) {
      const headers = { 'content-type': RECORD, 'content-length': body.length, expect: '100-continue' }
      const { port } = site.server
      const request = httpRequest({ port, method: 'PUT', path: `/v1/peers/${peer.id}`, headers, agent: false })
      let continued = false
      request.on('continue', () => {
        continued = true
        request.end(body)
      })
      request.flushHeaders()
      const [response] = await once(request, 'response')
      assert.equal(response.statusCode, status)
      assert.equal(continued, status === 201)
      response.resume()
      request.destroy()
    }
  })

  it('header fields', async t => {
    const site = await startSite(t)
    const { status, close, problem } = read(
      await site.raw(`GET / HTTP/1.1\r\nHost: h\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)
    )
    assert.deepEqual([status, close, problem['status']], [431, true, 431])
  })

  it('requests of one source: told to wait, in bounded memory, while others are served', async t => {
    // time stands still: nothing of what is spent comes back
    const clock = new VirtualClock()
    const site = await startSite(t, { clock })
    const agent = new Agent({ keepAlive: true, maxSockets: 50 })
    t.after(() => agent.destroy())
    const statuses = new Map<number, number>()
    const one = async () => {
      const request = httpRequest({ port: site.server.port, path: '/v1/hub', agent }).end()
      const [response] = await once(request, 'response')
      response.resume()
      await once(response, 'end')
      if (response.statusCode === 429) {
        assert.equal(response.headers['retry-after'], '1')
        assert.equal(response.headers['content-type'], 'application/problem+json')
      }
      statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1)
    }
    for (let sent = 0; sent < 10_000; sent += 500) await Promise.all(Array.from({ length: 500 }, one))
    assert.deepEqual(
      [...statuses],
      [
        [200, 256],
        [429, 9_744]
      ]
    )
    assert.ok(site.server.gate.connections <= 50)
    assert.equal(site.server.gate.sources, 1)
    assert.equal((await site.ask('/v1/hub', { from: '127.0.0.2' })).status, 200)
    assert.equal((await site.ask('/v1/hub')).status, 429)
    await clock.advance(20)
    assert.equal((await site.ask('/v1/hub')).status, 200)
  })

  it('sources that nobody has room for', async t => {
    const limits = { requests: { burst: 4, refillMs: 1_000, maxKeys: 2 } }
    const site = await startSite(t, { clock: new VirtualClock(), limits })
    const statuses: number[] = []
    for (const from of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.1']) {
      statuses.push((await site.ask('/v1/hub', { from })).status)
    }
    assert.deepEqual(statuses, [200, 200, 429, 200])
    assert.equal(site.server.gate.sources, 2)
  })

  it('connections of one source, and in all', async t => {
    const site = await startSite(t, { limits: { maxConnectionsFrom: 2, maxConnections: 3 } })
    const at = (localAddress: string) => connect({ port: site.server.port, host: '127.0.0.1', localAddress })
    const within = [at('127.0.0.1'), at('127.0.0.1'), at('127.0.0.2')]
    await Promise.all(within.map(socket => once(socket, 'connect')))
    for (const [index, socket] of within.entries()) {
      socket.write('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n')
      assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200/, `${index}`)
    }
    // no more from that source, and none from anybody
    await closed(at('127.0.0.1'))
    await closed(at('127.0.0.3'))
    assert.equal(site.server.gate.connections, 3)
    for (const socket of within) socket.destroy()
    await untilGone(site)
    assert.equal((await site.ask('/v1/hub')).status, 200)
  })

  it('requests on one connection', async t => {
    const site = await startSite(t, { limits: { requestsPerConnection: 2, keepAliveMs: 10 } })
    const response = await site.raw('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(2))
    assert.equal(response.match(/HTTP\/1\.1 200/g)?.length, 2)
    assert.match(response, /connection: close/i)
  })

  it('and whoever sends more nevertheless gets nothing for it, and the connection ends', async t => {
    const site = await startSite(t, { limits: { requestsPerConnection: 2 } })
    const response = await site.raw('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(50))
    const statuses = response.match(/HTTP\/1\.1 \d+/g) ?? []
    assert.deepEqual(statuses.slice(0, 2), ['HTTP/1.1 200', 'HTTP/1.1 200'])
    assert.ok(statuses.length <= 3, response)
    await untilGone(site)
  })
})

async function closed(socket: ReturnType<typeof connect>): Promise<void> {
  // a reset is an error as well
  socket.on('error', () => {}).resume()
  await once(socket, 'close')
}

describe('what is too slow', () => {
  const limits = { headersMs: 60, requestMs: 120, checkMs: 10, keepAliveMs: 100 }
  const rows: [what: string, bytes: string][] = [
    ['nothing at all', ''],
    ['a request line', 'GET / HT'],
    ['header fields', 'GET /v1/hub HTTP/1.1\r\nHost: h\r\nX: a\r\n'],
    ['a body', `PUT /v1/peers/a HTTP/1.1\r\nHost: h\r\nContent-Type: ${RECORD}\r\nContent-Length: 99\r\n\r\na`],
    [
      'a body in chunks',
      `PUT /v1/peers/a HTTP/1.1\r\nHost: h\r\nContent-Type: ${RECORD}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n`
    ]
  ]
  for (const [what, bytes] of rows) {
    it(`${what}: the connection ends, and says why`, async t => {
      const site = await startSite(t, { limits })
      const { status, close, problem } = read(await site.raw(bytes))
      assert.deepEqual([status, close, problem['status']], [408, true, 408])
      await untilGone(site)
    })
  }

  it('a byte now and then is no progress', async t => {
    const site = await startSite(t, { limits })
    const { id } = await newPeer()
    const socket = site.connect()
    socket.write(`PUT /v1/peers/${id} HTTP/1.1\r\nHost: h\r\nContent-Type: ${RECORD}\r\nContent-Length: 8000\r\n\r\n`)
    const dripping = setInterval(() => socket.write('a'), 10)
    t.after(() => clearInterval(dripping))
    socket.on('error', () => {})
    assert.equal(read(await allOf(socket)).status, 408)
  })

  it('a connection that is kept for nothing', async t => {
    const site = await startSite(t, { limits })
    assert.match(await site.raw('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n'), /^HTTP\/1\.1 200/)
    await untilGone(site)
  })

  it('answers that nobody takes: no more requests are read, and then the connection ends', async t => {
    const site = await startSite(t, {
      limits: { stallMs: 200, requests: { burst: 1e6, refillMs: 1, maxKeys: 4 }, requestsPerConnection: 0 }
    })
    const socket = site.connect()
    socket.pause()
    socket.on('error', () => {})
    await once(socket, 'connect')
    let taken = true
    for (let sent = 0; sent < 1_000_000 && taken; sent += 100) {
      taken = socket.write('GET /v1/openapi.json HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(100))
      await new Promise(resolve => setImmediate(resolve))
    }
    assert.equal(taken, false, 'the server reads for ever')
    await untilGone(site)
    socket.destroy()
  })
})

describe('what is no request', () => {
  const rows: [what: string, bytes: string, status: number][] = [
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['no Host', 'GET /v1/hub HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['two lengths', 'PUT /v1/peers/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n', 400],
    [
      'a length and chunks',
      'PUT /v1/peers/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
      400
    ],
    ['a method that is none', 'GIVE /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    [
      'a chunk that is none',
      `PUT /v1/peers/a HTTP/1.1\r\nHost: h\r\nContent-Type: ${RECORD}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400
    ],
    [
      'an expectation that nobody knows',
      'GET /v1/hub HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      417
    ],
    ['a proxy', 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', 501],
    [
      'a WebSocket of another version',
      'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7\r\n\r\n',
      503
    ]
  ]
  for (const [what, bytes, status] of rows) {
    it(`${what}: ${status}`, async t => {
      const site = await startSite(t)
      const { status: got, problem } = read(await site.raw(bytes))
      assert.deepEqual([got, problem['status']], [status, status])
      assert.equal((await site.ask('/v1/hub')).status, 200)
    })
  }

  it('behind a request that is one: that one has its answer', async t => {
    const site = await startSite(t)
    const response = await site.raw('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\nnonsense\r\n\r\n')
    assert.match(response, /^HTTP\/1\.1 200 OK/)
    assert.equal(response.match(/HTTP\/1\.1/g)?.length, 1)
  })

  it('an offer of another protocol is passed over', { skip: !canPassOver() && 'this Node asks nobody' }, async t => {
    const site = await startSite(t)
    const response = await site.raw(
      'GET /v1/hub HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n'
    )
    assert.match(response, /^HTTP\/1\.1 200 OK/)
  })

  it('HTTP/1.0 needs no Host', async t => {
    const site = await startSite(t)
    assert.match(await site.raw('GET /v1/hub HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 OK/)
  })
})

/** `shouldUpgradeCallback` came with Node 24.9. */
function canPassOver(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  return major > 24 || (major === 24 && minor >= 9)
}

describe('a server that starts and stops', () => {
  it('is one on each of its addresses, and says so before there is an API', async t => {
    const server = await startHttpServer({ hosts: ['127.0.0.1', '127.0.0.2'], port: 0 })
    t.after(() => server.stop())
    const urls = ['127.0.0.1', '127.0.0.2'].map(host => `http://${host}:${server.port}/v1/hub`)
    for (const url of urls) {
      const { status, headers } = await fetch(url)
      assert.deepEqual([status, headers.get('retry-after')], [503, '1'])
    }
    await server.serve({ records: new MapRecords(), access: open, hub: () => HUB })
    for (const url of urls) assert.deepEqual(await (await fetch(url)).json(), { ...HUB, api: '1.0.0' })
  })

  it('says which port is taken, and holds none of the others then', async t => {
    const first = await startHttpServer({ hosts: ['127.0.0.2'], port: 0 })
    t.after(() => first.stop())
    const { port } = first
    await assert.rejects(startHttpServer({ hosts: ['127.0.0.1', '127.0.0.2'], port }), {
      code: 'PORT_TAKEN',
      message: new RegExp(`^TCP port ${port} on 127\\.0\\.0\\.2 is taken: .*--http-port$`)
    })
    const second = await startHttpServer({ hosts: ['127.0.0.1'], port })
    await second.stop()
    await assert.rejects(startHttpServer({ hosts: ['192.0.2.1'], port: 0 }), { code: 'NO_NETWORK' })
  })

  it('answers what it has in hand, and ends all connections', async t => {
    const site = await startSite(t)
    const idle = site.connect()
    idle.write('GET /v1/hub HTTP/1.1\r\nHost: h\r\n\r\n')
    await once(idle, 'data')
    const arrived = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<boolean>()
    site.records.healthy = () => {
      arrived.resolve()
      return answer.promise
    }
    const ended = closed(idle)
    const asked = site.raw('GET /health HTTP/1.1\r\nHost: h\r\n\r\n')
    await arrived.promise
    const stopped = site.server.stop()
    answer.resolve(true)
    assert.match(await asked, /^HTTP\/1\.1 200 OK\r\n.*connection: close/is)
    await ended
    await stopped
    assert.equal(site.server.gate.connections, 0)
  })

  it('does not wait for those that never end', async t => {
    const site = await startSite(t, { limits: { stopMs: 50 } })
    const arrived = Promise.withResolvers<void>()
    site.records.healthy = () => {
      arrived.resolve()
      return new Promise(() => {})
    }
    const asked = site.ask('/health')
    await arrived.promise
    await Promise.all([assert.rejects(asked, { code: 'ECONNRESET' }), site.server.stop()])
  })
})
