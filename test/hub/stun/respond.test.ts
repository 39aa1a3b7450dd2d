import assert from 'node:assert/strict'
import test from 'node:test'
import { respond, type StunArrival, type StunReply } from '../../../src/hub/stun/respond.ts'
import { stunSites } from '../../../src/hub/stun/sites.ts'
import { decodeStun, encodeStun, find, type StunAttribute, type StunMessage } from '../../../src/wire/stun/index.ts'
import { fuzzCodec } from '../../wire/fuzz.ts'
import { SAMPLE_ATTRIBUTES, sampleMessage } from '../../wire/stun/samples.ts'

const [A, B] = ['192.0.2.1', '192.0.2.2']
const places = [A, B].flatMap(host => [3478, 4001].map(port => ({ family: 4, host, port, address: host }) as const))
const [A3478, A4001, B3478, B4001] = [0, 1, 2, 3]
const sites = stunSites(places)
const alone = stunSites(places.slice(0, 2))
const unknown = stunSites(places.slice(0, 2).map(place => ({ ...place, address: undefined })))
const client = { address: '203.0.113.5', port: 50_000 }
const arrival: StunArrival = { from: client, via: A3478!, transport: 'udp' }

const ask = (attributes: readonly StunAttribute[] = [], change: Partial<StunArrival> = {}, at = sites) =>
  respond(encodeStun(sampleMessage(...attributes)), { ...arrival, ...change }, at)
const change = (changeIp: boolean, changePort: boolean): StunAttribute => ({
  type: 'CHANGE-REQUEST',
  changeIp,
  changePort
})
const said = (reply: StunReply | undefined) => {
  assert.ok(reply != null)
  const message = decodeStun(reply.bytes)
  assert.deepEqual(message.transactionId, sampleMessage().transactionId)
  assert.equal(message.attributes.at(-1)?.type, 'FINGERPRINT')
  return message
}
const endpoint = (message: StunMessage, name: 'XOR-MAPPED-ADDRESS' | 'RESPONSE-ORIGIN' | 'OTHER-ADDRESS') => {
  const found = find(message, name)
  return found == null ? undefined : `${found.address}:${found.port}`
}

for (const [what, via, attributes, sender, origin, other] of [
  ['the first socket', A3478, [], A3478, `${A}:3478`, `${B}:4001`],
  ['the one that QUIC has too', A4001, [], A4001, `${A}:4001`, `${B}:3478`],
  ['the second address', B3478, [], B3478, `${B}:3478`, `${A}:4001`],
  ['another address and port', A3478, [change(true, true)], B4001, `${B}:4001`, `${B}:4001`],
  ['another address', A3478, [change(true, false)], B3478, `${B}:3478`, `${B}:4001`],
  ['another port', A3478, [change(false, true)], A4001, `${A}:4001`, `${B}:4001`],
  ['another port, of the second', B4001, [change(false, true)], B3478, `${B}:3478`, `${A}:3478`],
  ['a change request that changes nothing', A3478, [change(false, false)], A3478, `${A}:3478`, `${B}:4001`]
] as const) {
  test(`an answer by ${what}`, () => {
    const reply = ask(attributes, { via: via! })
    const message = said(reply)
    assert.equal(message.class, 'success')
    assert.deepEqual([reply?.via, reply?.to, reply?.redirected], [sender, client, sender !== via])
    assert.deepEqual(
      (['XOR-MAPPED-ADDRESS', 'RESPONSE-ORIGIN', 'OTHER-ADDRESS'] as const).map(name => endpoint(message, name)),
      ['203.0.113.5:50000', origin, other]
    )
  })
}

test('one address: no OTHER-ADDRESS, the other port works, the other address is refused', () => {
  assert.equal(endpoint(said(ask([], {}, alone)), 'OTHER-ADDRESS'), undefined)
  assert.equal(ask([change(false, true)], {}, alone)?.via, A4001)
  for (const both of [true, false]) refused(ask([change(true, both)], {}, alone), 420, [3])
})

test('an address that nobody has announced is not told', () => {
  const message = said(ask([], {}, unknown))
  assert.deepEqual(
    message.attributes.map(({ type }) => type),
    ['XOR-MAPPED-ADDRESS', 'FINGERPRINT']
  )
})

test('over a stream nothing can be redirected', () => {
  assert.equal(endpoint(said(ask([], { transport: 'stream' })), 'RESPONSE-ORIGIN'), `${A}:3478`)
  refused(ask([change(true, true)], { transport: 'stream' }), 420, [3])
  refused(ask([{ type: 'RESPONSE-PORT', port: 5_000 }], { transport: 'stream' }), 420, [0x27])
  refused(ask([{ type: 'PADDING', bytes: new Uint8Array(8) }], { transport: 'stream' }), 420, [0x26])
})

test('RESPONSE-PORT: the same address, another port', () => {
  const reply = ask([{ type: 'RESPONSE-PORT', port: 5_000 }])
  assert.deepEqual([reply?.to, reply?.redirected], [{ ...client, port: 5_000 }, true])
  assert.equal(endpoint(said(reply), 'XOR-MAPPED-ADDRESS'), '203.0.113.5:50000')
  assert.equal(ask([{ type: 'RESPONSE-PORT', port: 50_000 }])?.redirected, false)
})

test('RESPONSE-PORT: not to a port of a service, nor with padding', () => {
  for (const port of [0, 53, 1_023]) refused(ask([{ type: 'RESPONSE-PORT', port }]), 400)
  refused(
    ask([
      { type: 'RESPONSE-PORT', port: 5_000 },
      { type: 'PADDING', bytes: new Uint8Array(4) }
    ]),
    400
  )
})

for (const [bytes, expected] of [
  [0, 0],
  [7, 4],
  [1_120, 1_120],
  [1_200, 1_120],
  [60_000, 1_120]
] as const) {
  test(`padding of ${bytes} bytes is answered by ${expected}`, () => {
    const reply = said(ask([{ type: 'PADDING', bytes: new Uint8Array(bytes) }]))
    assert.equal(find(reply, 'PADDING')?.bytes.length, expected)
    // of IPv6 every address is 12 bytes longer, and its header has 40
    assert.ok(encodeStun(reply, { fingerprint: true }).length + 3 * 12 + 40 + 8 <= 1_280)
  })
}

test('what must be understood and is not is named, four at most', () => {
  const codes = [0x7001, 0x7002, 0x7001, 0x7003, 0x7004, 0x7005]
  const attributes = codes.map(code => ({ type: 'unknown', code, value: new Uint8Array(0) }) as const)
  refused(ask(attributes), 420, [0x7001, 0x7002, 0x7003, 0x7004])
  refused(ask([attributes[0]!, change(true, true)], {}, alone), 420, [0x7001, 3])
  assert.equal(said(ask([{ type: 'unknown', code: 0xc057, value: new Uint8Array(4) }])).class, 'success')
})

for (const [what, message] of [
  ['an indication', { class: 'indication' }],
  ['a success', { class: 'success' }],
  ['an error', { class: 'error' }],
  ['another method', { method: 'allocate' }],
  ['an unknown method', { method: 0xabc }]
] as const) {
  test(`no answer to ${what}`, () => {
    assert.equal(respond(encodeStun({ ...sampleMessage(), ...message }), arrival, sites), undefined)
  })
}

test('a zone stays here', () => {
  const reply = ask([], { from: { address: 'fe80::1%eth0', port: 1_025 } })
  assert.equal(endpoint(said(reply), 'XOR-MAPPED-ADDRESS'), 'fe80::1:1025')
  assert.equal(reply?.to.address, 'fe80::1%eth0')
})

/** IPv4's and UDP's headers travel with each. */
const HEADERS = 28

test('an answer is little more than its request, whatever that is', () => {
  let worst = 0
  const longest = { address: '255.255.255.255', port: 65_535 }
  const decode = (bytes: Uint8Array) => {
    for (const via of [A3478, B4001] as const) {
      const reply = respond(bytes, { ...arrival, from: longest, via: via! }, sites)
      if (reply == null) continue
      worst = Math.max(worst, (reply.bytes.length + HEADERS) / (bytes.length + HEADERS))
      assert.ok(reply.bytes.length <= Math.max(64, bytes.length + 48), `${reply.bytes.length} to ${bytes.length}`)
    }
  }
  const changes = [change(true, true), change(false, true)]
  const samples = [...SAMPLE_ATTRIBUTES, ...changes].map(attribute => encodeStun(sampleMessage(attribute)))
  fuzzCodec({ decode, samples: [encodeStun(sampleMessage()), ...samples], seed: 1, runs: 20_000 })
  assert.ok(worst > 1 && worst < 2.2, `${worst}`)
})

function refused(reply: StunReply | undefined, code: number, codes?: readonly number[]): void {
  const message = said(reply)
  assert.deepEqual([message.class, find(message, 'ERROR-CODE')?.code], ['error', code])
  assert.deepEqual(find(message, 'UNKNOWN-ATTRIBUTES')?.codes, codes)
  assert.deepEqual([reply?.to, reply?.via, reply?.redirected], [client, arrival.via, false])
}
