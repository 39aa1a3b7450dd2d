// A bug of ours that a program lives through fails the test in which it shows: test/run.ts loads this into the tests, and tests into their programs.
import { subscribe } from 'node:diagnostics_channel'
import { FAULTS } from '../src/core/fault.ts'

/** What a subscriber throws is an uncaught exception, and nothing to whoever has told of the fault. */
export function onFault(error: unknown): void {
  throw error
}

subscribe(FAULTS, onFault)
