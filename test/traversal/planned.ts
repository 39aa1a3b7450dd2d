import type { Plannable } from '../../src/traversal/plan.ts'
import { BIRTHDAY } from '../../src/traversal/techniques/birthday-fits.ts'
import { direct } from '../../src/traversal/techniques/direct.ts'
import { local } from '../../src/traversal/techniques/local.ts'
import { PREDICT } from '../../src/traversal/techniques/predict-fits.ts'
import { punchQuic } from '../../src/traversal/techniques/punch-quic.ts'
import { punchTcp } from '../../src/traversal/techniques/punch-tcp.ts'
import { relay } from '../../src/traversal/techniques/relay.ts'
import { reverse } from '../../src/traversal/techniques/reverse.ts'

/** What plans are made of. */
export const PLANNED: readonly Plannable[] = [relay, direct, reverse, local, punchQuic, punchTcp, PREDICT, BIRTHDAY]
