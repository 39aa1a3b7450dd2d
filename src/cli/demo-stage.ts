import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { capability, type Lab, openLab, preset } from '../../lab/lab.ts'

export type Role = 'hub' | 'alice' | 'bob'

/** Where the demo's programs run. */
export interface Stage extends AsyncDisposable {
  readonly kind: 'lab' | 'loopback'
  /** For people: what there is. */
  readonly about: string
  /** Why it is not the lab. */
  readonly reason?: string
  /** What `hub` and the peers need to be told here. */
  readonly hub: readonly string[]
  readonly peer: readonly string[]
  spawn(role: Role, argv: readonly string[], options: SpawnOptions): ChildProcess
}

/** One way, from a peer to the internet: two peers are two of them apart. */
const DELAY_MS = 20

/** The lab, where this machine can have one; else loopback. */
export async function openStage(): Promise<Stage> {
  const shaped = preset('easy-easy', { link: { delayMs: DELAY_MS } })
  const able = await capability(shaped)
  if (able.ok) return labStage(await openLab(shaped), `${DELAY_MS} ms from the internet`)
  const plain = preset('easy-easy')
  const without = await capability(plain)
  if (without.ok) return labStage(await openLab(plain), 'no delay on the lines')
  return loopbackStage(`${without.reason}. ${without.fix}`)
}

function labStage(lab: Lab, lines: string): Stage {
  const { hub, alice, bob } = { hub: lab.host('hub'), alice: lab.host('alice'), bob: lab.host('bob') }
  return {
    kind: 'lab',
    about: `A hub at ${hub.ip}; alice (${alice.ip}) and bob (${bob.ip}), each behind a NAT of this machine's kernel, ${lines}.`,
    hub: ['--host', hub.ip],
    peer: [],
    spawn: (role, argv, options) => lab.spawn(role, argv, options),
    [Symbol.asyncDispose]: () => lab.close()
  }
}

function loopbackStage(reason: string): Stage {
  const children = new Set<ChildProcess>()
  return {
    kind: 'loopback',
    about: `No NATs here: ${reason}\nSo a hub and two peers on loopback, where the path goes from relay to direct all the same.`,
    reason,
    hub: ['--host', '127.0.0.1', '--port', '0', '--http-port', '0'],
    peer: ['--allow-private'],
    spawn(_role, [command, ...args], options) {
      const child = spawn(command!, args, options)
      children.add(child)
      child.once('exit', () => children.delete(child))
      return child
    },
    async [Symbol.asyncDispose]() {
      const ended = [...children].map(child => new Promise(resolve => child.once('exit', resolve)))
      for (const child of children) child.kill()
      await Promise.all(ended)
    }
  }
}
