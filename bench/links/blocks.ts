import { crc32 } from 'node:zlib'
import { seededRandom } from '../../src/core/random.ts'

export const BLOCKS = {
  /** A hundred a second are 1 MB/s, and a stall shows to the hundredth of a second. */
  bytes: 10_000,
  perSecond: 100
} as const

/** Every block is acknowledged by its number. */
export const ACK_BYTES = 4

const NUMBER_BYTES = 4
const CRC_BYTES = 4
const BODY_AT = NUMBER_BYTES + CRC_BYTES

/** What can be wrong with a block or an acknowledgement, by what came in its place. */
export type Fault = 'lost' | 'doubled' | 'corrupt' | 'foreign'

/** Blocks begin at as many places of the noise that their bytes are cut out of; prime to the step, so that neighbours share no place. */
const PLACES = 100_000
const STEP = 7_919

/** The blocks of one seed: what both sides know beforehand. */
export class Blocks {
  readonly #noise: Uint8Array

  constructor(seed: number) {
    this.#noise = seededRandom(seed).bytes(PLACES + BLOCKS.bytes)
  }

  /** Its number, the CRC of all the rest, and seeded bytes. */
  make(number: number): Uint8Array {
    const bytes = new Uint8Array(BLOCKS.bytes)
    const view = new DataView(bytes.buffer)
    const at = (number * STEP) % PLACES
    bytes.set(this.#noise.subarray(at, at + BLOCKS.bytes - BODY_AT), BODY_AT)
    view.setUint32(0, number)
    view.setUint32(NUMBER_BYTES, checksum(bytes))
    return bytes
  }

  /** Compares what came with the block that has to come now. */
  fault(bytes: Uint8Array, expected: number): Fault | undefined {
    if (Buffer.compare(bytes, this.make(expected)) === 0) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    // a whole block that comes at the wrong time
    return view.getUint32(NUMBER_BYTES) === checksum(bytes) ? misplaced(view.getUint32(0), expected) : 'corrupt'
  }
}

export function ack(number: number): Uint8Array {
  const bytes = new Uint8Array(ACK_BYTES)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes
}

export function faultOfAck(bytes: Uint8Array, expected: number): Fault | undefined {
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  return number === expected ? undefined : misplaced(number, expected)
}

function misplaced(number: number, expected: number): Fault {
  if (number === expected) return 'foreign'
  return number > expected ? 'lost' : 'doubled'
}

function checksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(BODY_AT), crc32(bytes.subarray(0, NUMBER_BYTES)))
}

/** Cuts a stream into pieces of one size. */
export class Pieces {
  readonly #bytes: number
  #rest: Uint8Array[] = []
  #restBytes = 0

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** @returns the pieces that are whole now */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#rest.push(chunk)
    this.#restBytes += chunk.byteLength
    if (this.#restBytes < this.#bytes) return []
    const all = Buffer.concat(this.#rest)
    const whole = Math.floor(all.length / this.#bytes)
    const pieces = Array.from({ length: whole }, (_, i) => all.subarray(i * this.#bytes, (i + 1) * this.#bytes))
    const rest = all.subarray(whole * this.#bytes)
    this.#rest = [rest]
    this.#restBytes = rest.length
    return pieces
  }
}
