import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PROBLEMS } from '../../../src/hub/http/problem.ts'
import type { Outcome } from '../../../src/hub/records/api.ts'
import { type Answer, HUB, newPeer, OPERATOR, open, RECORD, type Site, startSite } from './site.ts'

interface Operation {
  readonly summary: string
  readonly responses: Readonly<Record<string, { description: string; content?: Readonly<Record<string, unknown>> }>>
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: unknown }[]
  readonly requestBody?: { content: Readonly<Record<string, unknown>> }
}

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

async function documented({ ask }: Site): Promise<Paths> {
  return (await ask('/v1/openapi.json')).json.paths
}

describe('what a hub says of itself', () => {
  it('who it is, and where', async t => {
    const { ask } = await startSite(t)
    assert.deepEqual((await ask('/v1/hub')).json, { ...HUB, api: '1.0.0' })
  })

  it('whether its store answers', async t => {
    const { ask, records } = await startSite(t)
    const well = await ask('/health')
    assert.deepEqual([well.status, well.json, well.headers['cache-control']], [200, { status: 'ok' }, 'no-store'])
    records.instead = { status: 'UNAVAILABLE' }
    const ill = await ask('/health')
    assert.deepEqual([ill.status, ill.json.type, ill.headers['retry-after']], [503, '/v1/problems/unavailable', '5'])
  })

  it('what each of its problems is', async t => {
    const { ask } = await startSite(t)
    for (const [name, { title, status, about }] of Object.entries(PROBLEMS)) {
      const type = `/v1/problems/${name}`
      assert.deepEqual((await ask(type)).json, { type, title, status, about })
    }
    assert.equal((await ask('/v1/problems/toString')).status, 404)
  })

  it('what there is not, and which methods there are', async t => {
    const { ask } = await startSite(t)
    for (const path of ['/', '/v1', '/v1/peers/a/b', '/v2/hub', '/favicon.ico', '/%zz', '//']) {
      const { status, json, headers } = await ask(path)
      assert.equal(headers['content-type'], 'application/problem+json', path)
      assert.deepEqual([status, json.status], path === '/%zz' ? [400, 400] : [404, 404], path)
    }
    // how `beeline doctor` knows a hub from a login page
    assert.match((await ask('/')).json.detail, /^Only WebSocket/)
    const { id } = await newPeer()
    for (const [path, method, allow] of [
      [`/v1/peers/${id}`, 'POST', 'DELETE, GET, HEAD, OPTIONS, PUT'],
      [`/v1/peers/${id}?a=b`, 'PROPFIND', 'DELETE, GET, HEAD, OPTIONS, PUT'],
      ['/v1/peers', 'DELETE', 'GET, HEAD, OPTIONS'],
      [`/routing/v1/peers/${id}`, 'PUT', 'GET, HEAD, OPTIONS'],
      ['/health', 'PATCH', 'GET, HEAD, OPTIONS'],
      ['/v1/openapi.json', 'TRACE', 'GET, HEAD, OPTIONS']
    ] as const) {
      const { status, headers } = await ask(path, { method })
      assert.deepEqual([status, headers.allow], [405, allow], `${method} ${path}`)
      assert.equal((await ask(path, { method: 'OPTIONS' })).headers.allow, allow)
    }
  })
})

describe('the OpenAPI document', () => {
  it('has the shape that OpenAPI 3.1 wants', async t => {
    const { json } = await (await startSite(t)).ask('/v1/openapi.json')
    assert.equal(json.openapi, '3.1.0')
    assert.equal(typeof json.info.title, 'string')
    assert.match(json.info.version, /^\d+\.\d+\.\d+$/)
    const schemes = Object.keys(json.components.securitySchemes)
    const tags = json.tags.map(({ name }: { name: string }) => name)
    assert.deepEqual(Object.keys(json.paths).sort(), [
      '/health',
      '/routing/v1/peers/{peerId}',
      '/v1/hub',
      '/v1/openapi.json',
      '/v1/peers',
      '/v1/peers/{peerId}',
      '/v1/problems/{name}'
    ])
    for (const [path, methods] of Object.entries(json.paths as Paths)) {
      const templated = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const [method, operation] of Object.entries(methods)) {
        const what = `${method} ${path}`
        assert.match(method, /^(get|put|delete)$/)
        assert.equal(typeof operation.summary, 'string', what)
        const inPath = (operation.parameters ?? []).filter(each => each.in === 'path')
        assert.deepEqual(
          inPath.map(({ name }) => name),
          templated,
          what
        )
        assert.ok(
          inPath.every(({ required }) => required === true),
          what
        )
        for (const { schema, in: where } of operation.parameters ?? []) {
          assert.ok(schema != null && ['path', 'query', 'header'].includes(where), what)
        }
        for (const [status, { description, content }] of Object.entries(operation.responses)) {
          assert.match(status, /^[2345]\d\d$/, what)
          assert.ok(description.length > 1 && description !== 'Default Response', `${what} ${status}`)
          if (Number(status) >= 400)
            assert.deepEqual(Object.keys(content!), ['application/problem+json'], `${what} ${status}`)
        }
        const { tags: used, security = [] } = operation as unknown as { tags: string[]; security?: object[] }
        assert.ok(
          used.every(each => tags.includes(each)),
          what
        )
        assert.ok(
          security.flatMap(Object.keys).every(each => schemes.includes(each)),
          what
        )
      }
    }
    const { put, delete: remove } = json.paths['/v1/peers/{peerId}']
    for (const { requestBody } of [put, remove]) {
      assert.deepEqual(Object.keys(requestBody.content), [RECORD, 'application/octet-stream'])
    }
    // every reference leads somewhere
    for (const [, ref] of JSON.stringify(json).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      assert.ok(ref!.split('/').reduce((at, part) => at?.[part], json) != null, ref)
    }
  })

  it('tells of each answer that occurs, and no other', async t => {
    const limits = {
      requests: { burst: 1_000, refillMs: 3_600_000, maxKeys: 16 },
      checkMs: 20,
      headersMs: 100,
      requestMs: 100
    }
    const bearer = (token: string | undefined) => (token === 'sesame' ? undefined : 'not open')
    const site = await startSite(t, { limits, api: { access: { ...open, bearer, refusal: () => 'not you' } } })
    const paths = await documented(site)
    const seen = new Map<string, Set<number>>()
    const note = (method: string, template: string, { status }: Pick<Answer, 'status'>) => {
      const key = `${method.toLowerCase()} ${template}`
      seen.set(key, (seen.get(key) ?? new Set()).add(status))
    }
    const authorization = 'Bearer sesame'
    const outages: Outcome[] = [{ status: 'UNAVAILABLE' }, { status: 'LIMIT' }]

    const peer = await newPeer()
    const template = '/v1/peers/{peerId}'
    const path = `/v1/peers/${peer.id}`
    const write = async (method: 'PUT' | 'DELETE', body: Uint8Array, more: Record<string, string> = {}, to = path) => {
      const headers = { 'content-type': RECORD, authorization, ...more }
      note(method, template, await site.ask(to, { method, body, headers }))
    }
    const late = (method: string) =>
      site.raw(`${method} ${path} HTTP/1.1\r\nHost: h\r\nContent-Type: ${RECORD}\r\nContent-Length: 9\r\n\r\nslow`)
    await write('PUT', await peer.record())
    for (const method of ['PUT', 'DELETE'] as const) {
      const record = (seq: number, issuedAtSeconds?: number) =>
        peer.record({ seq, left: method === 'DELETE', ...(issuedAtSeconds == null ? {} : { issuedAtSeconds }) })
      await write(method, await record(method === 'PUT' ? 5 : 6))
      await write(method, await record(4))
      await write(method, await record(7, 1_000))
      await write(method, Buffer.from('no record'))
      await write(method, await record(7), {}, '/v1/peers/alice')
      await write(method, await record(7), { authorization: '' })
      await write(method, await record(7), { authorization: 'Bearer x' })
      await write(method, await record(7), { 'content-type': 'text/plain' })
      await write(method, Buffer.alloc(8_193))
      for (const instead of outages) {
        site.records.instead = instead
        await write(method, await record(7))
        site.records.instead = undefined
      }
      note(method, template, { status: statusOf(await late(method)) })
    }

    await write('PUT', await peer.record({ seq: 10 }))
    const read = async (of: string, target: string, headers: Record<string, string> = {}) =>
      note('GET', of, await site.ask(target, { headers: { authorization, ...headers } }))
    const { id: nobody } = await newPeer()
    for (const [of, base] of [
      [template, '/v1/peers'],
      ['/routing/v1/peers/{peerId}', '/routing/v1/peers']
    ] as const) {
      await read(of, `${base}/${peer.id}`)
      await read(of, `${base}/alice`)
      await read(of, `${base}/${nobody}`)
      await read(of, `${base}/${peer.id}`, { accept: 'text/html' })
      await read(of, `${base}/${peer.id}`, { 'if-none-match': '"10"' })
      await read(of, `${base}/${peer.id}`, { authorization: '' })
      await read(of, `${base}/${peer.id}`, { authorization: 'Bearer x' })
    }
    await read('/v1/peers', '/v1/peers', { authorization: '' })
    await read('/v1/peers', '/v1/peers')
    await read('/v1/peers', '/v1/peers', { authorization: `Bearer ${OPERATOR}` })
    await read('/v1/peers', '/v1/peers?limit=0')
    await read('/v1/problems/{name}', '/v1/problems/stale')
    await read('/v1/problems/{name}', '/v1/problems/nonsense')
    for (const plain of ['/health', '/v1/hub', '/v1/openapi.json']) await read(plain, plain)
    for (const instead of outages) {
      site.records.instead = instead
      await read(template, path)
      await read('/routing/v1/peers/{peerId}', `/routing/v1/peers/${peer.id}`)
      await read('/health', '/health')
      await read('/v1/peers', '/v1/peers', { authorization: `Bearer ${OPERATOR}` })
    }
    // and now nothing is left of what this source may ask
    for (let status = 0; status !== 429; ) status = (await site.ask('/v1/hub')).status
    for (const each of Object.keys(paths)) {
      for (const method of Object.keys(paths[each]!)) {
        note(
          method,
          each,
          await site.ask(each.replace('{peerId}', peer.id).replace('{name}', 'x'), { method: method.toUpperCase() })
        )
      }
    }

    const sorted = (statuses: Iterable<number | string>) => [...statuses].map(Number).sort((a, b) => a - b)
    for (const [each, methods] of Object.entries(paths)) {
      for (const [method, { responses }] of Object.entries(methods)) {
        const key = `${method} ${each}`
        assert.deepEqual(sorted(seen.get(key) ?? []), sorted(Object.keys(responses)), key)
      }
    }
  })
})

function statusOf(response: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(response)?.[1])
}
