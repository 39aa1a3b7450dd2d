import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The lab that `lab up` keeps, for `lab exec` in another terminal. */
export interface LabState {
  keeperPid: number
  /** When the keeper began, in ticks since boot: tells it from a later process with its number. */
  keeperStarted: string
  preset: string
  nodes: string[]
}

const uid = process.getuid?.() ?? 0
const FILE = join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `beeline-lab-${uid}.json`)

/** @returns the lab that is up, if there is one: what the file says about a keeper that is gone does not count */
export function readState(): LabState | undefined {
  try {
    const file = lstatSync(FILE)
    // the folder may be everybody's: joining the namespaces of a process that somebody else names would run their programs
    if (!file.isFile() || file.uid !== uid) return undefined
    const state = JSON.parse(readFileSync(FILE, 'utf8')) as LabState
    return startOf(state.keeperPid) === state.keeperStarted ? state : undefined
  } catch {
    return undefined
  }
}

export function writeState(state: Omit<LabState, 'keeperStarted'>): void {
  removeState()
  const whole: LabState = { ...state, keeperStarted: startOf(state.keeperPid) ?? '' }
  // wx: not through a link that somebody else put there
  writeFileSync(FILE, JSON.stringify(whole), { flag: 'wx', mode: 0o600 })
}

export function removeState(): void {
  rmSync(FILE, { force: true })
}

/** Field 22 of proc_pid_stat(5); counted after the name, which may hold spaces. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
