import type { Technique } from '../technique.ts'
import { birthday } from './birthday.ts'
import { direct } from './direct.ts'
import { local } from './local.ts'
import { predict } from './predict.ts'
import { punchQuic } from './punch-quic.ts'
import { punchTcp } from './punch-tcp.ts'
import { relay } from './relay.ts'
import { reverse } from './reverse.ts'

/** All techniques that come with the program: a new one is a file beside these, and a line here. */
export const BUILT_IN: readonly Technique[] = [relay, direct, local, reverse, punchQuic, punchTcp, predict, birthday]
