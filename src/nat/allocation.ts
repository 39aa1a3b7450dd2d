import type { PortAllocation } from '../core/behaviour.ts'

/** A mapping that a NAT made while we watched. */
export interface Allocated {
  readonly localPort: number
  readonly publicPort: number
  readonly publicAddress: string
}

export interface AllocationVerdict {
  readonly allocation: PortAllocation | null
  readonly step: number | null
  readonly parity: boolean | null
}

/** Fewer than that fall in line by chance too often. */
const ENOUGH = 3
/** Ports that other programs behind the NAT may take between two of ours, as sampling takes milliseconds; of the step. */
const MAX_GAP = 16
/** Steps larger than that have not been seen; block sizes of carriers' NATs (RFC 7422) are larger, and random inside. */
const MAX_STEP = 16
/** Where a counter starts again: a jump back of at least half of all ports. */
const WRAP = 0x8000
/**
 * Five ports so near to each other are no chance, whatever their order; of a carrier's block of 256 random ports once in 160 times. A wider net would
 * take such blocks for a row, and they are met more often than packets that overtake each other.
 */
const ENOUGH_NEAR = 5
const NEAR = 48
/** Six that go up in this order, without the seventh, are no chance. */
const ENOUGH_BUT_ONE = 7
/** Parity is a coin per mapping: six are right by chance once in 64 times, and fewer say nothing. */
const ENOUGH_FOR_PARITY = 6

/**
 * How public ports are chosen (RFC 4787 section 4.2.1), from mappings in the order in which they were made.
 *
 * - preserving: most are the private port. Some may not be: it was taken.
 * - sequential: each is a few steps on, up or down, allowing for other traffic in between and one wrap.
 * - random: all else.
 */
export function classifyAllocation(made: readonly Allocated[]): AllocationVerdict {
  const parity = classifyParity(made)
  const kept = made.filter(({ localPort, publicPort }) => localPort === publicPort).length
  if (made.length >= 2 && kept * 2 > made.length) return { allocation: 'preserving', step: null, parity }
  // each public address has ports of its own
  const rows = [...Map.groupBy(made, ({ publicAddress }) => publicAddress).values()]
  const longest = rows.reduce((one, other) => (other.length > one.length ? other : one), [])
  if (longest.length < ENOUGH) return { allocation: null, step: null, parity: null }
  const ports = longest.map(({ publicPort }) => publicPort)
  const step = stepOf(ports, parity !== false) ?? stepOfNear(ports) ?? stepButOne(ports, parity !== false)
  return { allocation: step == null ? 'random' : 'sequential', step, parity }
}

/** What is added from one to the next; null when they are not in a row. */
function stepOf(ports: readonly number[], parityKept: boolean): number | null {
  const jumps = ports.slice(1).map((port, index) => port - ports[index]!)
  const wraps = jumps.filter(jump => Math.abs(jump) >= WRAP)
  const inRow = jumps.filter(jump => Math.abs(jump) < WRAP)
  // without two jumps that agree there is no row
  if (wraps.length > 1 || inRow.length < ENOUGH - 1) return null
  const sign = Math.sign(inRow[0]!)
  if (sign === 0 || inRow.some(jump => Math.sign(jump) !== sign)) return null
  // a counter that goes up jumps down when it wraps
  if (wraps.some(jump => Math.sign(jump) === sign)) return null
  const sizes = inRow.map(Math.abs)
  const least = Math.min(...sizes)
  // where others' mappings are in the row, the smallest jump need not be the step, but all are multiples of it; unless the NAT
  // goes one port further for the sake of parity
  const step = parityKept ? least : sizes.reduce(divisor, least)
  if (step > MAX_STEP || sizes.some(size => size > MAX_GAP * step)) return null
  return sign * step
}

/** The same where one of many is out of line: from that port somebody had asked before, and the NAT still knew it. */
function stepButOne(ports: readonly number[], parityKept: boolean): number | null {
  if (ports.length < ENOUGH_BUT_ONE) return null
  for (const index of ports.keys()) {
    const step = stepOf(ports.toSpliced(index, 1), parityKept)
    if (step != null) return step
  }
  return null
}

/**
 * Of ports that are not in the order in which they were asked for, as packets that leave together are not always: they lie near each other, and their
 * distances have the step in common.
 */
function stepOfNear(ports: readonly number[]): number | null {
  const sorted = ports.toSorted((a, b) => a - b)
  const distances = sorted.slice(1).map((port, index) => port - sorted[index]!)
  if (sorted.length < ENOUGH_NEAR || sorted.at(-1)! - sorted[0]! > NEAR) return null
  const step = distances.reduce(divisor, 0)
  const rises = ports.slice(1).filter((port, index) => port > ports[index]!).length
  return step === 0 || step > MAX_STEP ? null : rises * 2 >= ports.length - 1 ? step : -step
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}

/** Whether even ports stay even and odd ones odd (RFC 4787 section 4.2.2). */
function classifyParity(made: readonly Allocated[]): boolean | null {
  if (made.some(({ localPort, publicPort }) => (localPort ^ publicPort) & 1)) return false
  const parities = new Set(made.map(({ localPort }) => localPort & 1))
  return parities.size === 2 && made.length >= ENOUGH_FOR_PARITY ? true : null
}
