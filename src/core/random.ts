import { randomBytes, randomInt } from 'node:crypto'

/** Where randomness comes from: the operating system, or a seed when a test must repeat itself. */
export interface Random {
  /** A whole number, `min` and `max` included. */
  int(min: number, max: number): number
  bytes(length: number): Uint8Array
}

/** Unpredictable: for everything that meets a real network. */
export const secureRandom: Random = {
  int: (min, max) => randomInt(min, max + 1),
  bytes: length => new Uint8Array(randomBytes(length))
}

/** The same numbers for the same seed (sfc32). Never for anything that must not be guessed. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = 0xb7e15162
  let counter = seed >>> 0
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  // the state needs a few rounds before two neighbouring seeds look unrelated
  for (let i = 0; i < 16; i++) next()
  return {
    int: (min, max) => min + Math.floor((next() / 2 ** 32) * (max - min + 1)),
    bytes: length => Uint8Array.from({ length }, () => next() & 0xff)
  }
}
