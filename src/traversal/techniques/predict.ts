import type { AttemptContext, AttemptResult, LinkAttempt, Technique } from '../technique.ts'
import { type Ports, portsOf } from './networks.ts'
import type { Pace } from './pacer.ts'
import { PREDICT } from './predict-fits.ts'
import { PredictMeeting } from './predict-meeting.ts'
import { PredictOpening } from './predict-opening.ts'
import { portsBetween } from './predict-ports.ts'
import { PROBING, type ProbingMachine } from './probing.ts'
import { runProbing } from './probing-run.ts'
import { Searching } from './searching.ts'

export const PREDICT_SEARCH = {
  rounds: 3,
  /** Between the two samples lie a port or two, where the NAT is not busy. */
  probes: 64,
  /** The likely ones go first, and are mostly answered before a third has left. */
  pace: { batch: 2, everyMs: 5 } satisfies Pace,
  searchMs: PROBING.sendMs
} as const

/**
 * Sequential ports on one side or both. Where one side has one port for all, or for each host, that one is known: only the other's has to be found,
 * and that was seen from both sides. Where each packet of either has another port, the two have to meet.
 */
export const predict: Technique = { ...PREDICT, attempt }

async function attempt(context: AttemptContext): Promise<AttemptResult> {
  if (context.on !== 'link') return { outcome: 'failed', reason: 'needs-link' }
  const machine = machineFor(context)
  return machine == null ? { outcome: 'failed', reason: 'suits-not' } : runProbing(context, machine)
}

function machineFor(context: LinkAttempt): ProbingMachine | undefined {
  const { mine, theirs, role } = context
  const [ours, other] = [portsOf(mine), portsOf(theirs)]
  const announced = () => context.candidates()
  const step = mine?.udp4.step ?? null
  const { rounds } = PREDICT_SEARCH
  switch (partOf(ours, other, role)) {
    case 'searches':
      return new Searching({
        ...PREDICT_SEARCH,
        announced,
        ours: ours === 'fixed' ? 'fixed' : 'per-host',
        step,
        portsOf: ({ ports, step: theirStep }) => {
          const [first, last] = ports
          return first == null || last == null ? [] : portsBetween(first, last, theirStep ?? 1, PREDICT_SEARCH.probes)
        }
      })
    case 'opens':
      return new PredictOpening({ announced, step, rounds })
    case 'meets':
      return new PredictMeeting({ announced, step, rounds, stride: role === 'controlling' ? 1 : 2 })
    case undefined:
      return undefined
  }
}

/** Both sides come to parts that go together: who has the ports that are known better searches. */
function partOf(
  ours: Ports | undefined,
  theirs: Ports | undefined,
  role: LinkAttempt['role']
): 'searches' | 'opens' | 'meets' | undefined {
  const known: readonly (Ports | undefined)[] = ['fixed', 'per-host', 'per-port']
  const [our, their] = [known.indexOf(ours), known.indexOf(theirs)]
  if (our < 0 || their < 0 || (ours === 'fixed' && theirs === 'fixed')) return undefined
  if (our !== their) return our < their ? 'searches' : 'opens'
  if (ours === 'per-port') return 'meets'
  return role === 'controlling' ? 'searches' : 'opens'
}
