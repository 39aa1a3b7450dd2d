import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'

/** The hub has a core of its own; whoever asks it, and a Redis server, share the other one. */
export const HUB_CORE = 1
export const LOAD_CORE = 0

/** Whether processes are kept to a core each: not where there is one core, or no taskset. */
export const hasCores =
  availableParallelism() > 1 &&
  (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, 'taskset')))

export function onCore(core: number, program: readonly [string, ...string[]]): [string, ...string[]] {
  return hasCores ? ['taskset', '-c', `${core}`, ...program] : [...program]
}

/** This process and all its threads. */
export function moveToCore(core: number): void {
  if (hasCores) execFileSync('taskset', ['-a', '-c', '-p', `${core}`, `${process.pid}`], { stdio: 'ignore' })
}
