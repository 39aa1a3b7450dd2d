import type { Plannable } from '../plan.ts'
import { guess } from './guess.ts'

/** What a plan needs to know of `predict`: a side's ports vary, and those of both can be told in advance. */
export const PREDICT: Plannable = {
  name: 'predict',
  // three rounds of a window of ports from both sides
  cost: 400,
  // samples and a first round: some relayed round trips
  typicalMs: 1_000,
  sides: 'both',
  fits(mine, theirs) {
    const why = guess(mine, theirs)
    return { fits: why === 'ports-in-sequence', why }
  }
}
