import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLab } from '../../lab/lab.ts'
import type { Names } from '../../lab/nat64/name-server.ts'
import { answerQuestion } from '../../lab/nat64/name-server.ts'
import { seededRandom } from '../../src/core/random.ts'
import { NO_NAT64 } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

const PORT = 4001
const TCP_PROGRAM = fileURLToPath(new URL('tcp-program.ts', import.meta.url))

/** By both ways in which programs resolve names: c-ares and the C library. */
const RESOLVE = `
const dns = require('dns').promises
const told = promise => promise.then(answer => [answer].flat().map(one => one.address ?? one).sort().join(), error => error.code)
;(async () => {
  const [, ...names] = process.argv
  for (const name of names) console.log([
    await told(dns.resolve6(name)), await told(dns.resolve4(name)), await told(dns.lookup(name, { family: 6, all: true }))
  ].join(' '))
})()`

test('a host with IPv6 only reaches IPv4 by addresses that it is told', { skip: NO_NAT64 }, async () => {
  await using lab = await openLab({
    hub: {},
    dual: { ipv6: true },
    nat: { mapping: 'endpoint-independent', nat64: true },
    alice: { behind: 'nat', ipv6: true, ipv4: false }
  })
  const { stdout } = await lab.exec('alice', [
    process.execPath,
    '-e',
    RESOLVE,
    'ipv4only.arpa',
    'hub.lab',
    'DUAL.lab',
    'nobody.lab'
  ])
  const dual6 = lab.host('dual').ip6!
  assert.deepEqual(stdout.trim().split('\n'), [
    '64:ff9b::c000:aa,64:ff9b::c000:ab 192.0.0.170,192.0.0.171 64:ff9b::c000:aa,64:ff9b::c000:ab',
    '64:ff9b::b01:a 11.1.0.10 64:ff9b::b01:a',
    `${dual6} 11.2.0.10 ${dual6}`,
    'ENOTFOUND ENOTFOUND ENOTFOUND'
  ])

  await UdpPeer.open(lab, 'hub', PORT)
  const alice = await UdpPeer.open(lab, 'alice', 5000, '::')
  const seen = await alice.seenBy('64:ff9b::b01:a', PORT)
  assert.ok(seen?.startsWith(`${lab.host('nat').ip}:`), seen)
  assert.equal(seen, await alice.seenBy('64:ff9b::b01:a', PORT))

  const server = lab.spawn('hub', [process.execPath, TCP_PROGRAM, 'listen', `${PORT}`], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  await new Promise(resolve => server.stdout!.once('data', resolve))
  const echo = await lab.exec('alice', [process.execPath, TCP_PROGRAM, 'echo', 'hub.lab', `${PORT}`, '100000'])
  assert.equal(echo.stdout.trim(), `same ${lab.host('nat').ip}`, echo.stderr)
  // and IPv4 itself it does not have
  const direct = await lab.exec('alice', [process.execPath, TCP_PROGRAM, 'dial', lab.host('hub').ip, `${PORT}`, '500'])
  assert.equal(direct.stdout.trim(), 'ENETUNREACH')
})

describe('the name server', () => {
  const names: Names = { 'a.lab': { ip4: ['11.1.0.10'], ip6: [] }, 'b.lab': { ip4: [], ip6: ['2a0b::1'] } }
  const question = (name: string, type: number, group = 1) =>
    Uint8Array.from([
      ...[0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ...name.split('.').flatMap(label => [label.length, ...Buffer.from(label)]),
      ...[0, 0, type, 0, group]
    ])
  const summary = (answer: Uint8Array | undefined) => answer && [answer[3]! & 15, answer[7], answer.length]

  /** Each row: name, type, class; code, number of answers and length of the answer. */
  const rows: [string, number, number, [number, number, number]][] = [
    ['a.lab', 1, 1, [0, 1, 23 + 16]],
    ['A.Lab', 28, 1, [0, 1, 23 + 28]],
    ['b.lab', 28, 1, [0, 1, 23 + 28]],
    ['b.lab', 1, 1, [0, 0, 23]],
    ['a.lab', 15, 1, [0, 0, 23]],
    ['a.lab', 1, 3, [3, 0, 23]],
    ['constructor', 1, 1, [3, 0, 29]]
  ]
  for (const [name, type, group, expected] of rows) {
    test(`${name} ${type} ${group}`, () => {
      const answer = answerQuestion(question(name, type, group), names)
      assert.deepEqual(summary(answer), expected)
      assert.deepEqual([...answer!.subarray(0, 2)], [0xab, 0xcd])
    })
  }

  test('says nothing to what is no question', () => {
    const whole = question('a.lab', 1)
    for (let length = 0; length < whole.length; length++) {
      assert.equal(answerQuestion(whole.subarray(0, length), names), undefined, `${length} bytes`)
    }
    const answer = whole.with(2, 0x81)
    const pointer = whole.with(12, 0xc0)
    const two = whole.with(5, 2)
    for (const bytes of [answer, pointer, two]) assert.equal(answerQuestion(bytes, names), undefined)
    const random = seededRandom(1035)
    for (let i = 0; i < 10_000; i++) answerQuestion(random.bytes(random.int(0, 60)), names)
  })
})
