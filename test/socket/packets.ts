import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { clientInitial } from '../../src/socket/initial.ts'

/** Packets as the switch sees them: the headers that are readable without keys, and noise behind them. */

const id = (hex: string) => Buffer.from(hex, 'hex')

interface LongOptions {
  readonly to?: string
  readonly from?: string
  readonly bytes?: number
  readonly version?: number
}

function long(
  firstByte: number,
  { to = '00112233445566aa', from = 'c0c0c0c0c0c0c0c0', bytes = 1200, version = 1 }: LongOptions
) {
  const head = Buffer.concat([
    Buffer.of(firstByte, 0, 0, 0, 0, id(to).length),
    id(to),
    Buffer.of(id(from).length),
    id(from)
  ])
  head.writeUInt32BE(version, 1)
  return Buffer.concat([head, randomBytes(Math.max(0, bytes - head.length))])
}

/** A client's or server's Initial (RFC 9000 section 17.2.2). */
export const initial = (options: LongOptions = {}) => long(0xc3, options)
/** An Initial that the server can decrypt and answers, from somebody who will not go on: a PING and padding. */
export const forgedInitial = () =>
  clientInitial({
    destinationId: randomBytes(8).toString('hex'),
    sourceId: randomBytes(8).toString('hex'),
    packetNumber: 0,
    frames: Buffer.of(0x01)
  })
/** RFC 9000 section 17.2.4. */
export const handshake = (options: LongOptions = {}) => long(0xe3, { bytes: 300, ...options })

/** A packet with a short header; `greased`: with the QUIC bit clear (RFC 9287). */
export function short(to: string, { greased = false, bytes = 100 } = {}): Buffer {
  return Buffer.concat([Buffer.of(greased ? 0x13 : 0x53), id(to), randomBytes(bytes - 1 - id(to).length)])
}

/** A STUN binding request with a FINGERPRINT (RFC 8489). */
export function stun(): Buffer {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt16BE(0x0001, 0)
  bytes.writeUInt16BE(8, 2)
  bytes.writeUInt32BE(0x2112a442, 4)
  randomBytes(12).copy(bytes, 8)
  bytes.writeUInt16BE(0x8028, 20)
  bytes.writeUInt16BE(4, 22)
  bytes.writeUInt32BE((crc32(bytes.subarray(0, 20)) ^ 0x5354554e) >>> 0, 24)
  return bytes
}
