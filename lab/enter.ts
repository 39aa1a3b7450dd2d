import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { isRoot, TOOL_PATH } from './keeper.ts'
import { NAMES } from './script.ts'

/** How often to look for a program that is to be killed before it has begun. */
const LOOK_AGAIN_MS = 2

/** Signals that a terminal sends to everyone: they are the program's affair, not that of `nsenter` around it. */
const TERMINAL_SIGNALS = 'INT,QUIT,HUP'

/**
 * The command line that runs a program in a lab: `nsenter` joins the keeper's namespaces (and those of one host), `sh` goes
 * back to the working directory, which joining a mount namespace loses, and `setpriv` has the kernel end the program when
 * `nsenter` ends, whatever ends that. `env` keeps Ctrl-C from ending `nsenter` first.
 */
export function enterCommand(keeper: number, host: string | undefined, argv: readonly string[], cwd: string): string[] {
  const user = isRoot() ? [] : ['--preserve-credentials', `--user=/proc/${keeper}/ns/user`]
  const net = host === undefined ? `/proc/${keeper}/ns/net` : `/proc/${keeper}/root${NAMES}/${host}`
  return [
    'env',
    `--ignore-signal=${TERMINAL_SIGNALS}`,
    'nsenter',
    ...user,
    `--mount=/proc/${keeper}/ns/mnt`,
    `--pid=/proc/${keeper}/ns/pid_for_children`,
    `--net=${net}`,
    'sh',
    '-c',
    `cd "$0" && exec env --default-signal=${TERMINAL_SIGNALS} setpriv --pdeathsig KILL -- "$@"`,
    cwd,
    ...argv
  ]
}

/**
 * Spawns a program in a lab. A real ChildProcess, except that `kill` signals the program itself: `child.pid` is that of
 * `nsenter`, whose death would only ever be a SIGKILL to the program.
 */
export function spawnInside(
  keeper: number,
  host: string | undefined,
  argv: readonly string[],
  options: SpawnOptions
): ChildProcess {
  const [command, ...args] = enterCommand(keeper, host, argv, String(options.cwd ?? process.cwd()))
  const env = { ...(options.env ?? process.env) }
  env['PATH'] = env['PATH'] === undefined ? TOOL_PATH : `${env['PATH']}:/usr/sbin:/sbin`
  // the working directory is for the program: in nsenter's own mount namespace it may be no more than a path
  const child = spawn(command!, args, { ...options, cwd: '/', env })
  const hasEnded = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  const killProgram = (signal: NodeJS.Signals | number): void => {
    if (hasEnded()) return
    const program = childOf(child.pid!)
    if (program === undefined) setTimeout(() => killProgram(signal), LOOK_AGAIN_MS).unref()
    else sendSignal(program, signal)
  }
  child.kill = (signal = 'SIGTERM') => {
    if (hasEnded()) return false
    killProgram(signal)
    return true
  }
  return child
}

function sendSignal(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal)
  } catch {
    // it ended in between
  }
}

/** The only child of a process, which of a lab's `nsenter` is the program itself, by a look at all of /proc: the file that lists children is not in every kernel. */
export function childOf(parent: number): number | undefined {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      // pid (name) state ppid …; a name may hold spaces and parentheses
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      const [, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (Number(ppid) === parent) return Number(entry)
    } catch {
      // it ended while we looked
    }
  }
  return undefined
}
