import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checksum, sum } from '../../lab/tun/checksum.ts'
import { PacketRouter } from '../../lab/tun/router.ts'
import type { Random } from '../../src/core/random.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { NatOptions } from '../../src/sim/nat/index.ts'
import { Nat } from '../../src/sim/nat/index.ts'

/** IPv4 192.168.1.10 to 11.2.0.10, or IPv6 fd00::10 to 2a0b:beef:2::10; and the public address of the NAT. */
const NETWORKS = {
  4: { inside: [192, 168, 1, 10], outside: [11, 2, 0, 10], nat: [11, 1, 0, 10], publicAddress: '11.1.0.10' },
  6: {
    inside: [0xfd, ...Array(14).fill(0), 0x10],
    outside: [0x2a, 0x0b, 0xbe, 0xef, 0, 2, ...Array(9).fill(0), 0x10],
    nat: [0x2a, 0x0b, 0xbe, 0xef, 0, 1, ...Array(9).fill(0), 0x10],
    publicAddress: '2a0b:beef:1::10'
  }
} as const
const NUMBERS = { 4: { udp: 17, tcp: 6, icmp: 1 }, 6: { udp: 17, tcp: 6, icmp: 58 } } as const
const CHECKSUM_AT = { udp: 6, tcp: 16, icmp: 2 } as const
type Family = 4 | 6
type Protocol = keyof typeof CHECKSUM_AT

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** An IP packet with whole checksums around a transport header and payload. */
function ip(
  family: Family,
  protocol: Protocol,
  from: readonly number[],
  to: readonly number[],
  transport: Uint8Array,
  ttl = 63
): Uint8Array {
  const headerBytes = family === 4 ? 20 : 40
  const bytes = new Uint8Array(headerBytes + transport.length)
  const view = viewOf(bytes)
  if (family === 4) {
    bytes.set([0x45, 0, 0, 0, 0, 1, 0x40, 0, ttl, NUMBERS[4][protocol]])
    view.setUint16(2, bytes.length)
  } else {
    bytes.set([0x60, 0, 0, 0, 0, 0, NUMBERS[6][protocol], ttl])
    view.setUint16(4, transport.length)
  }
  bytes.set([...from, ...to], family === 4 ? 12 : 8)
  if (family === 4) view.setUint16(10, checksum(view, 0, 20))
  bytes.set(transport, headerBytes)
  const at = headerBytes + CHECKSUM_AT[protocol]
  view.setUint16(at, 0)
  const value = checksum(view, headerBytes, bytes.length, pseudo(view, family, protocol, headerBytes))
  view.setUint16(at, protocol === 'udp' && value === 0 ? 0xffff : value)
  return bytes
}

function pseudo(view: DataView, family: Family, protocol: Protocol, headerBytes: number): number {
  if (family === 4 && protocol === 'icmp') return 0
  const addressesAt = family === 4 ? 12 : 8
  return sum(view, addressesAt, headerBytes) + NUMBERS[family][protocol] + view.byteLength - headerBytes
}

/** All checksums of a packet, computed anew: each is what is written there. */
function assertChecksums(bytes: Uint8Array): void {
  const view = viewOf(bytes)
  const family = (bytes[0]! >> 4) as Family
  const headerBytes = family === 4 ? 20 : 40
  if (family === 4) assert.equal(checksum(view, 0, 20), 0, 'of the IP header')
  const number = bytes[family === 4 ? 9 : 6]
  const protocol = (['udp', 'tcp', 'icmp'] as const).find(name => NUMBERS[family][name] === number)!
  if (protocol === 'udp' && view.getUint16(headerBytes + 6) === 0) return
  const left = checksum(view, headerBytes, bytes.length, pseudo(view, family, protocol, headerBytes))
  assert.equal(left, 0, `of ${protocol}`)
}

const udp = (source: number, destination: number, payload: Uint8Array = new Uint8Array()): Uint8Array => {
  const bytes = new Uint8Array(8 + payload.length)
  const view = viewOf(bytes)
  view.setUint16(0, source)
  view.setUint16(2, destination)
  view.setUint16(4, bytes.length)
  bytes.set(payload, 8)
  return bytes
}
const tcp = (
  source: number,
  destination: number,
  flags: number,
  sequence: number,
  acknowledged: number,
  payload = 0
): Uint8Array => {
  const bytes = new Uint8Array(20 + payload)
  const view = viewOf(bytes)
  view.setUint16(0, source)
  view.setUint16(2, destination)
  view.setUint32(4, sequence)
  view.setUint32(8, acknowledged)
  view.setUint8(12, 5 << 4)
  view.setUint8(13, flags)
  return bytes
}

function routerOf(options: NatOptions) {
  const natOf = (family: Family) =>
    new Nat(options, { publicAddresses: [NETWORKS[family].publicAddress], random: seededRandom(1) })
  const router = new PacketRouter({ 4: natOf(4), 6: natOf(6) })
  /** As the program does it: in a larger buffer, in place. */
  return (from: 'inside' | 'outside', packet: Uint8Array) => {
    const buffer = new Uint8Array(65_536)
    buffer.set(packet)
    const routed = router.route(0, from, buffer, viewOf(buffer), packet.length)
    return routed && { to: routed.to, bytes: routed.bytes.slice(0, routed.length) }
  }
}
const easy: NatOptions = { mapping: 'endpoint-independent', allocation: 'sequential', unsolicited: 'reset' }

describe('IP packets through the engine', () => {
  for (const family of [4, 6] as const) {
    const { inside, outside, nat } = NETWORKS[family]
    const headerBytes = family === 4 ? 20 : 40
    const addressesAt = family === 4 ? 12 : 8
    const addressBytes = inside.length
    const sourceOf = (bytes: Uint8Array) => [...bytes.subarray(addressesAt, addressesAt + addressBytes)]
    const destinationOf = (bytes: Uint8Array) => [...bytes.subarray(addressesAt + addressBytes, headerBytes)]

    test(`IPv${family} UDP and TCP of all contents: addresses, ports, a hop, and checksums`, () => {
      const random = seededRandom(1624)
      const route = routerOf(easy)
      for (let i = 0; i < 3000; i++) {
        const payload = random.bytes(random.int(0, 60))
        const source = random.int(1, 65_535)
        const isUdp = i % 2 === 0
        const sent = isUdp
          ? ip(family, 'udp', inside, outside, udp(source, 4001, payload))
          : ip(family, 'tcp', inside, outside, tcp(source, 4001, 2, random.int(0, 2 ** 32 - 1), 0, payload.length))
        const out = route('inside', sent)
        assert.equal(out?.to, 'outside')
        assertChecksums(out.bytes)
        assert.deepEqual(sourceOf(out.bytes), [...nat])
        assert.deepEqual(destinationOf(out.bytes), [...outside])
        assert.equal(out.bytes[family === 4 ? 8 : 7], 64)
        const port = viewOf(out.bytes).getUint16(headerBytes)
        const back = isUdp
          ? ip(family, 'udp', outside, nat, udp(4001, port, payload))
          : ip(family, 'tcp', outside, nat, tcp(4001, port, 18, 1, 2))
        const home = route('outside', back)
        assert.equal(home?.to, 'inside')
        assertChecksums(home.bytes)
        assert.deepEqual(destinationOf(home.bytes), [...inside])
        assert.equal(viewOf(home.bytes).getUint16(headerBytes + 2), source)
        // behind the ports only the checksum has changed
        const rest = (bytes: Uint8Array) => {
          const copy = bytes.slice(headerBytes + 4)
          viewOf(copy).setUint16(CHECKSUM_AT[isUdp ? 'udp' : 'tcp'] - 4, 0)
          return copy
        }
        assert.deepEqual(rest(home.bytes), rest(back))
      }
    })

    test(`IPv${family} UDP without a checksum stays without`, () => {
      const sent = ip(family, 'udp', inside, outside, udp(5000, 4001))
      viewOf(sent).setUint16(headerBytes + 6, 0)
      const out = routerOf(easy)('inside', sent)
      assert.equal(viewOf(out!.bytes).getUint16(headerBytes + 6), 0)
    })

    test(`ICMP of IPv${family}: echoes, and errors with what they quote`, () => {
      const [request, reply, exceeded] = family === 4 ? [8, 0, 11] : [128, 129, 3]
      const route = routerOf(easy)
      const echo = (type: number, id: number) => Uint8Array.of(type, 0, 0, 0, id >> 8, id & 255, 0, 1, 42)
      const asked = route('inside', ip(family, 'icmp', inside, outside, echo(request, 77)))!
      assertChecksums(asked.bytes)
      const id = viewOf(asked.bytes).getUint16(headerBytes + 4)
      assert.notEqual(id, 77)
      const answered = route('outside', ip(family, 'icmp', outside, nat, echo(reply, id)))!
      assertChecksums(answered.bytes)
      assert.equal(viewOf(answered.bytes).getUint16(headerBytes + 4), 77)

      for (const inner of [
        ip(family, 'udp', inside, outside, udp(5000, 4001, Uint8Array.of(1, 2, 3))),
        ip(family, 'icmp', inside, outside, echo(request, 78))
      ]) {
        const left = route('inside', inner)!
        // routers quote the whole packet, or only 8 bytes behind its header
        for (const length of [left.bytes.length, headerBytes + 8]) {
          const error = Uint8Array.of(exceeded, 0, 0, 0, 0, 0, 0, 0, ...left.bytes.subarray(0, length))
          const home = route('outside', ip(family, 'icmp', outside, nat, error))!
          assert.equal(home.to, 'inside')
          assertChecksums(home.bytes)
          assert.deepEqual(destinationOf(home.bytes), [...inside])
          const quoted = home.bytes.subarray(headerBytes + 8)
          assert.deepEqual(sourceOf(quoted), [...inside])
          if (length === left.bytes.length) assertChecksums(quoted)
          if (family === 4) assert.equal(checksum(viewOf(quoted.slice(0, 20)), 0, 20), 0)
          const idOrPort = inner[headerBytes] === request ? 4 : 0
          assert.deepEqual(
            quoted.slice(headerBytes + idOrPort, headerBytes + idOrPort + 2),
            inner.slice(headerBytes + idOrPort, headerBytes + idOrPort + 2)
          )
        }
      }
    })

    test(`resets of IPv${family} have the numbers that their receiver believes (RFC 9293 section 3.10.7.1)`, () => {
      const route = routerOf(easy)
      // each row: flags, sequence, acknowledgement and payload; flags, sequence and acknowledgement of the reset
      for (const [flags, sequence, acknowledged, payload, expected] of [
        [2, 1000, 0, 0, [20, 0, 1001]],
        [2, 0xffffffff, 0, 0, [20, 0, 0]],
        [16, 1000, 2000, 10, [4, 2000, 0]],
        [17, 1000, 2000, 0, [4, 2000, 0]],
        [1, 1000, 0, 5, [20, 0, 1006]]
      ] as const) {
        const reset = route(
          'outside',
          ip(family, 'tcp', outside, nat, tcp(4001, 9, flags, sequence, acknowledged, payload))
        )!
        assert.equal(reset.to, 'outside')
        assertChecksums(reset.bytes)
        assert.deepEqual([sourceOf(reset.bytes), destinationOf(reset.bytes)], [[...nat], [...outside]])
        const view = viewOf(reset.bytes)
        assert.deepEqual([view.getUint16(headerBytes), view.getUint16(headerBytes + 2)], [9, 4001])
        const numbers = [
          view.getUint8(headerBytes + 13),
          view.getUint32(headerBytes + 4),
          view.getUint32(headerBytes + 8)
        ]
        assert.deepEqual(numbers, expected)
      }
    })
  }

  test('what it does not pass: fragments, other protocols, many, one link, and what is not whole', () => {
    const route = routerOf({ ...easy, filtering: 'endpoint-independent' })
    const { inside, outside } = NETWORKS[4]
    const whole = ip(4, 'udp', inside, outside, udp(5000, 4001, new Uint8Array(20)))
    const changed = (at: number, ...bytes: number[]) => {
      const copy = whole.slice()
      copy.set(bytes, at)
      return copy
    }
    assert.ok(route('inside', whole))
    for (const packet of [
      changed(6, 0x20, 0),
      changed(6, 0, 1),
      changed(9, 47),
      changed(9, 58),
      changed(0, 0x44),
      changed(0, 0x4f),
      changed(0, 0x15),
      changed(2, 0xff, 0xff),
      whole.subarray(0, 20),
      whole.subarray(0, 27),
      ip(4, 'udp', inside, [239, 255, 255, 250], udp(5000, 1900)),
      ip(4, 'udp', [169, 254, 1, 1], outside, udp(5000, 1900)),
      ip(6, 'udp', [0xfe, 0x80, ...Array(13).fill(0), 1], NETWORKS[6].outside, udp(5000, 1900)),
      ip(6, 'udp', NETWORKS[6].inside, [0xff, 2, ...Array(13).fill(0), 1], udp(5000, 1900))
    ]) {
      assert.equal(route('inside', packet), undefined, Buffer.from(packet).toString('hex'))
    }
  })

  test('bytes of all kinds: nothing is thrown, nothing grows', () => {
    const random = seededRandom(792)
    const route = routerOf({ ...easy, hairpin: true, filtering: 'endpoint-independent' })
    let passed = 0
    for (let i = 0; i < 20_000; i++) {
      const packet = mutated(random)
      for (const side of ['inside', 'outside'] as const) {
        const routed = route(side, packet)
        if (routed) passed++
        assert.ok((routed?.bytes.length ?? 0) <= Math.max(packet.length, 60))
      }
    }
    assert.ok(passed > 1000, `${passed}`)
  })
})

/** A packet of some kind with a few bytes changed and a length of any kind; or noise. */
function mutated(random: Random): Uint8Array {
  if (random.int(0, 9) === 0) return random.bytes(random.int(0, 100))
  const family = random.int(0, 1) === 0 ? 4 : 6
  const { inside, outside, nat } = NETWORKS[family]
  const inner = ip(family, 'udp', inside, outside, udp(5000, 4001))
  const error = Uint8Array.of(random.int(0, 12), 0, 0, 0, 0, 0, 0, 0, ...inner)
  const packet = [
    ip(family, 'udp', inside, outside, udp(5000, 4001, random.bytes(9))),
    ip(family, 'tcp', outside, nat, tcp(4001, 9, random.int(0, 63), 1, 2, 3)),
    ip(family, 'icmp', outside, nat, error)
  ][random.int(0, 2)]!
  for (let changes = random.int(0, 3); changes > 0; changes--)
    packet[random.int(0, packet.length - 1)] = random.int(0, 255)
  return random.int(0, 3) === 0 ? packet.subarray(0, random.int(0, packet.length)) : packet
}
