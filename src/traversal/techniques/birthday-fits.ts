import type { Plannable } from '../plan.ts'
import { guess } from './guess.ts'

/** What a plan needs to know of `birthday`: the ports of one side are random, and the other one's is the same for all of a host's. */
export const BIRTHDAY: Plannable = {
  name: 'birthday',
  // 256 packets from the random side, 2,048 from the other one at most
  cost: 2_304,
  // 256 mappings among 64,512 ports: 190 probes in the median, 1,024 in 98 of 100 cases, at 1,000 a second
  typicalMs: 1_500,
  sides: 'both',
  fits(mine, theirs) {
    const why = guess(mine, theirs)
    return { fits: why === 'one-side-random', why }
  }
}
