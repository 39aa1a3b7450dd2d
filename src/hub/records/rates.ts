import { Allowance, type AllowanceInit } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import type { Outcome } from './api.ts'
import type { RecordLimits } from './limits.ts'
import { limit } from './outcomes.ts'

/** A rate that is kept to, and what it counts, for people. */
type Rate = {
  [K in keyof RecordLimits]: RecordLimits[K] extends AllowanceInit ? K : never
}[keyof RecordLimits]

const WHAT: Readonly<Record<Rate, string>> = {
  lookups: 'lookups',
  sources: 'records from one address',
  anonymous: 'signatures of records over HTTP',
  firsts: 'first records, from one address, of peers that have none here',
  unheld: 'records, from one address, of peers that have no reservation here',
  registrations: 'records of one peer',
  calls: 'calls of one peer',
  called: 'calls to one peer'
}

/** How often who may do what. */
export class Rates {
  readonly #limits: RecordLimits
  readonly #clock: Clock
  readonly #allowances: Readonly<Record<Rate, Allowance>>

  constructor(limits: RecordLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    const names = Object.keys(WHAT) as Rate[]
    this.#allowances = Object.fromEntries(names.map(name => [name, new Allowance(limits[name])])) as Record<
      Rate,
      Allowance
    >
  }

  /** Counts one more. @returns the refusal, when it is one too many */
  refusal(rate: Rate, key: string): Outcome | undefined {
    if (this.#allowances[rate].take(key, this.#clock.now())) return undefined
    return limit(`too many ${WHAT[rate]} at a time`, this.#limits[rate].refillMs)
  }
}
