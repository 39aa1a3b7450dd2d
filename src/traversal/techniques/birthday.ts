import type { AttemptContext, AttemptResult, LinkAttempt, Technique } from '../technique.ts'
import { BIRTHDAY } from './birthday-fits.ts'
import { BirthdayOpening } from './birthday-opening.ts'
import { portsToTry } from './birthday-ports.ts'
import { portsOf } from './networks.ts'
import type { Pace } from './pacer.ts'
import type { ProbingMachine } from './probing.ts'
import { runProbing } from './probing-run.ts'
import { Searching } from './searching.ts'

export const BIRTHDAY_SEARCH = {
  /** One in 3,000 attempts finds nothing in so many; it takes 2 s, and 200 kB. */
  probes: 2_048,
  pace: { batch: 10, everyMs: 10 } satisfies Pace,
  /** The other side has its sockets open for longer than that. */
  searchMs: 8_000
} as const

/**
 * Random ports on one side: that side opens many mappings, the other one tries ports. Half of all attempts need no more than 174 probes
 * where 256 of 64,512 ports are open.
 */
export const birthday: Technique = { ...BIRTHDAY, attempt }

async function attempt(context: AttemptContext): Promise<AttemptResult> {
  if (context.on !== 'link') return { outcome: 'failed', reason: 'needs-link' }
  const machine = machineFor(context)
  return machine == null ? { outcome: 'failed', reason: 'suits-not' } : runProbing(context, machine)
}

function machineFor(context: LinkAttempt): ProbingMachine | undefined {
  const { mine, theirs, random } = context
  const [ours, other] = [portsOf(mine), portsOf(theirs)]
  const announced = () => context.candidates()
  if (ours === 'random' && (other === 'fixed' || other === 'per-host')) return new BirthdayOpening(announced)
  if (other !== 'random' || (ours !== 'fixed' && ours !== 'per-host')) return undefined
  return new Searching({
    ...BIRTHDAY_SEARCH,
    announced,
    ours,
    step: mine?.udp4.step ?? null,
    rounds: 1,
    portsOf: ({ ports }) => portsToTry(ports, random)
  })
}
