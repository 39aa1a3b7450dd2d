import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { spawnInside } from './enter.ts'
import type { Lab } from './lab.ts'
import { capability, openLab } from './lab.ts'
import { PRESETS, preset } from './presets.ts'
import type { LabSpec, LinkSpec } from './spec.ts'
import { readState, removeState, writeState } from './state.ts'

interface SpecFlags {
  delay?: number
  jitter?: number
  loss?: number
  rate?: number
  ipv6?: boolean
  seed: number
}

const program = new Command('lab').description('NATs out of network namespaces (docs/lab.md)').showHelpAfterError()

withSpecFlags(program.command('run'))
  .description('make a lab, run a command in one of its hosts, exit with its code')
  .argument('<preset>', 'see `lab list`; or a .json file with a spec')
  .argument('<host>')
  .argument('<command...>', 'after --')
  .action(async (name: string, host: string, command: string[], flags: SpecFlags) => {
    await using lab = await openLab(specOf(name, flags), { seed: flags.seed })
    process.exitCode = await follow(lab.spawn(host, command, { stdio: 'inherit' }))
  })

withSpecFlags(program.command('up'))
  .description('keep a lab until Ctrl-C')
  .argument('<preset>', 'see `lab list`; or a .json file with a spec')
  .action(async (name: string, flags: SpecFlags) => {
    const other = readState()
    if (other) throw new Error(`a lab is up already (${other.preset}): end it with Ctrl-C where it runs`)
    // from here on, so that no state file is left by one that comes early
    const ended = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => once(process, signal)))
    await using lab = await openLab(specOf(name, flags), { seed: flags.seed })
    writeState({ keeperPid: lab.keeperPid, preset: name, nodes: lab.nodes.map(node => node.name) })
    print(`${table(lab)}\n\nnpm run -s lab -- exec HOST -- COMMAND   runs a command in a host\nCtrl-C   ends the lab`)
    // the lab itself does not keep a program alive
    const alive = setInterval(() => {}, 2 ** 30)
    await ended
    clearInterval(alive)
    removeState()
  })

program
  .command('exec')
  .description('run a command in a host of the lab that is up')
  .argument('<host>')
  .argument('<command...>', 'after --')
  .action(async (host: string, command: string[]) => {
    const state = readState()
    if (!state) throw new Error('no lab is up: start one with `lab up PRESET` in another terminal')
    if (!state.nodes.includes(host)) throw new Error(`no '${host}' in the lab, only ${state.nodes.join(', ')}`)
    process.exitCode = await follow(spawnInside(state.keeperPid, host, command, { stdio: 'inherit' }))
  })

program
  .command('list')
  .description('the presets, and whether a lab can be made here')
  .action(async () => {
    const width = Math.max(...Object.keys(PRESETS).map(name => name.length))
    for (const [name, { about }] of Object.entries(PRESETS)) print(`${name.padEnd(width)}  ${about}`)
    const can = await capability()
    const up = readState()
    print(can.ok ? '\nlabs can be made here' : `\nno labs here: ${can.reason}. ${can.fix}`)
    if (up) print(`up: ${up.preset} (${up.nodes.join(', ')})`)
  })

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`lab: ${(error as Error).message}\n`)
  process.exitCode = 1
}

function withSpecFlags(command: Command): Command {
  return command
    .option('--delay <ms>', "one way, on each peer's way to the internet", numberFrom)
    .option('--jitter <ms>', 'more or less than the delay', numberFrom)
    .option('--loss <percent>', '', numberFrom)
    .option('--rate <mbit>', 'megabits a second', numberFrom)
    .option('--ipv6', 'give everyone IPv6 too')
    .option('--seed <number>', 'of loss and jitter', numberFrom, 1)
}

function numberFrom(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('it is a number')
  return value
}

function specOf(name: string, { delay, jitter, loss, rate, ipv6 }: SpecFlags): LabSpec {
  const link: LinkSpec = {
    ...(delay !== undefined && { delayMs: delay }),
    ...(jitter !== undefined && { jitterMs: jitter }),
    ...(loss !== undefined && { lossPercent: loss }),
    ...(rate !== undefined && { rateMbit: rate })
  }
  const isShaped = Object.keys(link).length > 0
  if (!name.endsWith('.json')) return preset(name, { ...(isShaped && { link }), ...(ipv6 && { ipv6 }) })
  if (isShaped || ipv6) throw new Error('links and IPv6 of a spec of your own are in its file')
  return JSON.parse(readFileSync(name, 'utf8')) as LabSpec
}

/** Waits for a program that has the terminal. @returns its exit code, as a shell would tell it */
async function follow(child: ChildProcess): Promise<number> {
  // Ctrl-C reaches the program by itself; the lab must be there until it has ended
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? 128 + constants.signals[signal!]
}

function table(lab: Lab): string {
  const rows = lab.nodes.map(node => [
    node.name,
    node.ips.join(', '),
    node.kind === 'router' ? `${'mapping' in node.spec ? node.spec.mapping : ''}, LAN ${node.lan!.network}` : '',
    node.behind ? `behind ${node.behind}` : '',
    node.kind === 'host' && node.publicIp !== node.ip ? `seen as ${node.publicIp}` : '',
    node.ip6 ?? ''
  ])
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  const line = (row: string[]) => row.map((cell, i) => cell.padEnd(widths[i]!)).filter((_, i) => widths[i]! > 0)
  return rows.map(row => line(row).join('  ').trimEnd()).join('\n')
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
