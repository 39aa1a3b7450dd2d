import { FIRST_PORT, LAST_PORT } from './networks.ts'

/**
 * Arithmetic of sequential allocation. Where a counter starts again nobody outside can know: most at 1,024. Who guesses wrong loses a round, in which the
 * counter passes the place.
 */
const PORTS = LAST_PORT - FIRST_PORT + 1

/** The port that lies so far ahead, or behind. */
export function portAhead(port: number, by: number): number {
  return FIRST_PORT + modulo(port - FIRST_PORT + by)
}

/** How many mappings later the one was made than the other, if no port was passed over. */
export function stepsBetween(first: number, last: number, step: number): number {
  return Math.ceil(modulo((last - first) * Math.sign(step)) / Math.abs(step))
}

/**
 * Which ports a mapping may have that was made after one and before another, the likely ones first: those that are whole steps from either end, those that
 * are not, and then those after the last and before the first: packets overtake each other, and a hub may have been asked late, after another one that
 * does not answer.
 */
export function portsBetween(first: number, last: number, step: number, most: number): readonly number[] {
  const sign = Math.sign(step)
  const distance = modulo((last - first) * sign)
  const ports = new Set<number>()
  const inside = (stride: number) => {
    // where much lies between, or the counter has started again somewhere, it lies near one of the ends
    for (let by = stride; by < distance && ports.size < most; by += stride) {
      ports.add(portAhead(first, by * sign))
      if (ports.size < most) ports.add(portAhead(last, -by * sign))
    }
  }
  inside(Math.abs(step))
  inside(1)
  for (let n = 1; ports.size < most; n++) {
    ports.add(portAhead(last, n * step))
    if (ports.size < most) ports.add(portAhead(first, -n * step))
  }
  return [...ports]
}

export interface Samples {
  /** Public ports of fresh mappings, in the order in which they were made. */
  readonly ports: readonly number[]
  /** Of the socket that is to send. */
  readonly own: number | undefined
  /** What examining the network has found to be added from one to the next; null: not known. */
  readonly step: number | null
}

/**
 * Whether a NAT seems to keep parity (RFC 4787 section 4.2.2): then it goes one port further where the next one has the wrong one, and what should be
 * a step is now and then a step and one.
 */
export function seemsToKeepParity({ ports, step }: Samples): boolean {
  return step != null && step > 0 && jumpsOf(ports).some(jump => jump === step + 1)
}

/** Which port the sender's next mapping gets, and what is added from there to the next one; undefined without samples. */
export function foresee(samples: Samples, keepsParity: boolean): { port: number; step: number } | undefined {
  const { ports, own } = samples
  const step = stepOf(samples)
  const furthest = ports.reduce<number | undefined>((one, other) => {
    return one == null || modulo((other - one) * Math.sign(step)) < PORTS / 2 ? other : one
  }, undefined)
  if (furthest == null) return undefined
  const port = portAhead(furthest, step)
  if (!keepsParity || own == null) return { port, step }
  const even = step + (step % 2)
  return { port: (port ^ own) & 1 ? portAhead(port, 1) : port, step: even }
}

function stepOf({ ports, step }: Samples): number {
  if (step != null && step !== 0) return step
  const jumps = jumpsOf(ports).filter(jump => jump !== 0 && Math.abs(jump) <= 16)
  return jumps.reduce((one, other) => (Math.abs(other) < Math.abs(one) ? other : one), jumps[0] ?? 1)
}

/** From each to the next, the short way round. */
function jumpsOf(ports: readonly number[]): number[] {
  return ports.slice(1).map((port, index) => {
    const jump = modulo(port - ports[index]!)
    return jump > PORTS / 2 ? jump - PORTS : jump
  })
}

function modulo(value: number): number {
  return ((value % PORTS) + PORTS) % PORTS
}
