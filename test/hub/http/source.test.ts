import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../../src/core/clock.ts'
import { preferredType } from '../../../src/hub/http/accept.ts'
import { TrustedProxies } from '../../../src/hub/http/source.ts'
import { startSite } from './site.ts'

describe('where a request comes from', () => {
  const trusted = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']
  const rows: [socket: string, forwarded: string | undefined, client: string][] = [
    ['198.51.100.1', undefined, '198.51.100.1'],
    ['198.51.100.1', '203.0.113.7', '198.51.100.1'],
    ['10.1.2.3', undefined, '10.1.2.3'],
    ['10.1.2.3', '', '10.1.2.3'],
    ['10.1.2.3', '203.0.113.7', '203.0.113.7'],
    ['192.0.2.1', '203.0.113.7', '203.0.113.7'],
    ['192.0.2.2', '203.0.113.7', '192.0.2.2'],
    // what the client has written itself stands before what the proxy has
    ['10.1.2.3', '127.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['10.1.2.3', '203.0.113.7, 192.0.2.1, 10.9.9.9', '203.0.113.7'],
    ['10.1.2.3', '10.5.5.5', '10.5.5.5'],
    ['10.1.2.3', 'unknown', '10.1.2.3'],
    ['10.1.2.3', '203.0.113.7, unknown', '10.1.2.3'],
    ['10.1.2.3', ' 203.0.113.7:4711 ', '203.0.113.7'],
    ['10.1.2.3', '[2001:db9::1]:4711', '2001:db9::1'],
    ['2001:db8::5', '2001:db9:0:0::1', '2001:db9::1'],
    ['::ffff:10.1.2.3', '::ffff:203.0.113.7', '203.0.113.7']
  ]
  for (const [remoteAddress, forwarded, client] of rows) {
    it(`${remoteAddress}, forwarded for ${forwarded ?? 'nobody'}: ${client}`, () => {
      const headers = forwarded == null ? {} : { 'x-forwarded-for': forwarded }
      const socket = { remoteAddress, remotePort: 5 } as never
      assert.equal(new TrustedProxies(trusted).clientOf({ socket, headers }).address, client)
    })
  }

  it('a proxy that is none is refused', () => {
    for (const proxy of [
      'proxy.example',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '2001:db8::/129',
      '',
      '10.0.0.0/-1',
      '10.0.0.0/8a'
    ]) {
      assert.throws(() => new TrustedProxies([proxy]), { code: 'BAD_OPTION' }, proxy)
    }
  })

  it('counts by what a trusted proxy says, and by nobody else’s word', async t => {
    const limits = { requests: { burst: 1, refillMs: 1_000, maxKeys: 16 }, maxConnectionsFrom: 1 }
    const clock = new VirtualClock()
    const plain = await startSite(t, { limits, clock })
    const behind = await startSite(t, { limits, clock, trustedProxies: ['127.0.0.0/8'] })
    const asked = async ({ ask }: typeof plain, client: string) => {
      return (await ask('/v1/hub', { headers: { 'x-forwarded-for': client } })).status
    }
    assert.deepEqual([await asked(plain, '203.0.113.1'), await asked(plain, '203.0.113.2')], [200, 429])
    assert.deepEqual([await asked(behind, '203.0.113.1'), await asked(behind, '203.0.113.2')], [200, 200])
    // addresses of one IPv6 network are one source
    assert.deepEqual([await asked(behind, '2001:db8::1'), await asked(behind, '2001:db8::2')], [200, 429])
  })
})

describe('which type is liked most', () => {
  const rows: [accept: string | undefined, type: string | undefined][] = [
    [undefined, 'a/b'],
    ['', 'a/b'],
    ['*/*', 'a/b'],
    ['a/*', 'a/b'],
    ['c/d', 'c/d'],
    ['C/D; charset=utf-8', 'c/d'],
    ['a/b;q=0.5, c/d', 'c/d'],
    ['a/b;q=0.5, */*;q=0.4', 'a/b'],
    ['a/b;q=0, */*', 'c/d'],
    ['a/*;q=0.1, a/b;q=0.9, c/d;q=0.5', 'a/b'],
    ['e/f', undefined],
    ['a/b;q=0', undefined],
    ['a/b;q=nonsense', undefined],
    [','.repeat(1_000), undefined]
  ]
  for (const [accept, type] of rows) {
    it(`${accept?.slice(0, 40)}: ${type}`, () => assert.equal(preferredType(accept, ['a/b', 'c/d']), type))
  }
})
