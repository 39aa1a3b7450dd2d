import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { proxyOf } from '../../src/nat/proxy.ts'

const ROWS: [about: string, environment: Record<string, string>, url: string | null, variable?: string][] = [
  ['none', {}, null],
  ['for https', { HTTPS_PROXY: 'http://proxy.example:3128' }, 'http://proxy.example:3128', 'HTTPS_PROXY'],
  ['lower case first', { HTTPS_PROXY: 'http://a:1', https_proxy: 'http://b:2' }, 'http://b:2', 'https_proxy'],
  [
    'https before all, all before http',
    { HTTP_PROXY: 'http://a:1', ALL_PROXY: 'socks5://b:1080' },
    'socks5://b:1080',
    'ALL_PROXY'
  ],
  ['for http only', { http_proxy: 'http://a:1/' }, 'http://a:1', 'http_proxy'],
  ['without a scheme', { HTTPS_PROXY: 'proxy.example:3128' }, 'http://proxy.example:3128', 'HTTPS_PROXY'],
  [
    'no user, no password',
    { HTTPS_PROXY: 'http://me:secret@proxy.example:3128/p?q#h' },
    'http://proxy.example:3128',
    'HTTPS_PROXY'
  ],
  [
    'credentials without a scheme',
    { HTTPS_PROXY: 'me:secret@proxy.example:3128' },
    'http://proxy.example:3128',
    'HTTPS_PROXY'
  ],
  ['an IPv6 address', { https_proxy: 'http://[2001:db8::1]:3128' }, 'http://[2001:db8::1]:3128', 'https_proxy'],
  ['empty is none', { HTTPS_PROXY: '', HTTP_PROXY: 'http://a:1' }, 'http://a:1', 'HTTP_PROXY'],
  ['nonsense is none', { HTTPS_PROXY: 'http://' }, null],
  ['endless is none', { HTTPS_PROXY: `http://${'a'.repeat(5_000)}` }, null],
  ['for nobody', { HTTPS_PROXY: 'http://a:1', NO_PROXY: '*' }, null],
  ['not for our hub', { HTTPS_PROXY: 'http://a:1', NO_PROXY: 'localhost, 11.1.0.10' }, null],
  ['not for one spelled with its port', { HTTPS_PROXY: 'http://a:1', no_proxy: '11.1.0.10:8080' }, null],
  ['for others only', { HTTPS_PROXY: 'http://a:1', NO_PROXY: '11.1.0.1' }, 'http://a:1', 'HTTPS_PROXY']
]

describe('the proxy that the environment names', () => {
  for (const [about, environment, url, variable] of ROWS) {
    test(about, () => {
      assert.deepEqual(proxyOf(environment, ['11.1.0.10']), url == null ? null : { url, variable })
    })
  }

  test('a name is excepted with all below it, and the proxy stays while one hub needs it', () => {
    const environment = { HTTPS_PROXY: 'http://a:1', NO_PROXY: '.example.org,[2001:db8::1]' }
    assert.equal(proxyOf(environment, ['hub.example.org', '2001:db8::1']), null)
    assert.equal(proxyOf(environment, ['example.org']), null)
    assert.notEqual(proxyOf(environment, ['hub.example.org', 'hub.example.net']), null)
    assert.notEqual(proxyOf(environment, ['notexample.org']), null)
    assert.notEqual(proxyOf(environment, []), null)
  })
})
