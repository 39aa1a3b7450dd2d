import assert from 'node:assert/strict'
import { NatError } from '../../src/core/errors.ts'
import { type Random, seededRandom } from '../../src/core/random.ts'

export interface FuzzOptions {
  readonly decode: (bytes: Uint8Array) => unknown
  /** Valid inputs, to be spoiled. */
  readonly samples: readonly Uint8Array[]
  /** @default 100,000 */
  readonly runs?: number
  readonly seed: number
  /** Of the inputs that are made of nothing. @default 1,500 */
  readonly maxBytes?: number
}

const SLOW_MS = 1
/** A slow input is slow each time; one that the machine interrupted is not. */
const TRIES = 20
/** Values at which lengths and counts go wrong. */
const EDGES = [0, 1, 3, 4, 5, 0x7f, 0x80, 0xfe, 0xff]

/** Feeds a codec with random and with spoiled valid bytes: it may only throw MALFORMED, and may not take a millisecond. */
export function fuzzCodec({ decode, samples, runs = 100_000, seed, maxBytes = 1_500 }: FuzzOptions): void {
  const random = seededRandom(seed)
  for (const sample of samples) decode(sample)
  for (let run = 0; run < runs; run++) {
    const bytes = run % 4 === 0 ? random.bytes(random.int(0, maxBytes)) : spoiled(samples, random)
    const text = () => `run ${run} of seed ${seed}: ${Buffer.from(bytes).toString('hex')}`
    if (timed(decode, bytes, text) < SLOW_MS) continue
    const fastestMs = Math.min(...Array.from({ length: TRIES }, () => timed(decode, bytes, text)))
    assert.ok(fastestMs < SLOW_MS, `${fastestMs} ms, ${text()}`)
  }
}

function timed(decode: FuzzOptions['decode'], bytes: Uint8Array, text: () => string): number {
  const startMs = performance.now()
  let thrown: unknown
  try {
    decode(bytes)
  } catch (error) {
    thrown = error
  }
  const tookMs = performance.now() - startMs
  if (thrown != null && !(thrown instanceof NatError && thrown.code === 'MALFORMED')) {
    throw new Error(`${String(thrown)}, ${text()}`, { cause: thrown })
  }
  return tookMs
}

/** A sample with a few things done to it: bytes changed, cut, repeated, or continued by a piece of another. */
function spoiled(samples: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = Uint8Array.from(pick(samples, random))
  for (let deeds = random.int(1, 4); deeds > 0; deeds--) {
    const at = random.int(0, Math.max(0, bytes.length - 1))
    const deed = random.int(0, 5)
    if (deed <= 1) bytes[at] = random.int(0, 255)
    else if (deed === 2) bytes[at] = pick(EDGES, random)
    else if (deed === 3) bytes = bytes.slice(0, at)
    else {
      const other = deed === 4 ? bytes : pick(samples, random)
      const from = random.int(0, other.length)
      const piece = other.subarray(from, from + random.int(0, 64))
      bytes = Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)])
    }
  }
  return bytes
}

function pick<T>(all: readonly T[], random: Random): T {
  return all[random.int(0, all.length - 1)]!
}
