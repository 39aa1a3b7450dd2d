import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Lab, type LabSpec, openLab } from '../../lab/lab.ts'
import { beeline, whenReady } from '../beeline.ts'
import type { Act, Side } from './steps.ts'

const HUBS = ['hub', 'hub2'] as const
type HubName = (typeof HUBS)[number]

/** The networks that each peer moves between. */
const SITES = { alice: ['natA', 'natC'], bob: ['natB', 'natD'] } as const satisfies Record<Side, readonly string[]>

/**
 * Two hubs, and two NATs for each peer. All keep a port where they can, but those of bob give out others at random, where the lab can do that: a
 * router that has forgotten everything then has other ports after it.
 */
export function unbrokenSpec(delayMs: number, isSimulated: boolean): LabSpec {
  const link = { delayMs }
  const keeps = { mapping: 'endpoint-independent', link } as const
  const changes = isSimulated ? ({ ...keeps, allocation: 'random' } as const) : keeps
  return {
    hub: {},
    hub2: {},
    natA: keeps,
    natB: changes,
    natC: keeps,
    natD: changes,
    alice: { behind: 'natA' },
    bob: { behind: 'natB' }
  }
}

/** A lab with two hubs that run, and what can happen in it. */
export class Stage {
  readonly lab: Lab
  readonly #data: string
  readonly #hubs = new Map<HubName, ChildProcess>()
  readonly #addresses = new Map<HubName, readonly string[]>()
  #killed: HubName | undefined
  #apart: readonly [string, string] | undefined

  constructor(lab: Lab, data: string) {
    this.lab = lab
    this.#data = data
  }

  static async open(spec: LabSpec, seed: number, signal: AbortSignal): Promise<Stage> {
    const data = await mkdtemp(join(tmpdir(), 'beeline-links-'))
    const lab = await openLab(spec, { seed })
    const stage = new Stage(lab, data)
    try {
      for (const name of HUBS) await stage.#startHub(name, signal)
    } catch (error) {
      await stage[Symbol.asyncDispose]()
      throw error
    }
    return stage
  }

  /** Of all hubs, those whose transport fits. */
  hubAddresses(transport: RegExp): string[] {
    return HUBS.flatMap(name => this.#addresses.get(name)!.filter(address => transport.test(address)))
  }

  /** @param relay the address, `ip:port`, of the hub that is in use */
  async act(act: Act, relay: string | undefined, signal: AbortSignal): Promise<void> {
    switch (act.do) {
      case 'nothing':
        return
      case 'flush-nat':
        return await this.lab.flushNat(this.#natOf(act.of))
      case 'block-udp':
        return await this.lab.setBlockUdp(this.#natOf(act.of), act.block)
      case 'move':
        return await this.lab.move(
          act.who,
          SITES[act.who].find(nat => nat !== this.#natOf(act.who))
        )
      case 'set-apart': {
        const pair = this.#apart ?? [this.#natOf('alice'), this.#natOf('bob')]
        this.#apart = act.apart ? pair : undefined
        return await this.lab.setApart(...pair, act.apart)
      }
      case 'kill-hub':
        this.#killed = HUBS.find(name => this.lab.host(name).ip === relay?.split(':')[0]) ?? HUBS[0]
        return await this.#killHub(this.#killed)
      case 'start-hub':
        return await this.#startHub(this.#killed ?? HUBS[0], signal)
      default:
        return act satisfies never
    }
  }

  #natOf(side: Side): string {
    return this.lab.host(side).behind!
  }

  /** With the identity and at the ports that it has always had. */
  async #startHub(name: HubName, signal: AbortSignal): Promise<void> {
    const program = beeline('hub', '--host', this.lab.host(name).ip, '--data', join(this.#data, name))
    const child = this.lab.spawn(name, program, { stdio: ['ignore', 'pipe', 'pipe'] })
    const { addrs } = await whenReady(child, signal)
    this.#hubs.set(name, child)
    this.#addresses.set(name, addrs)
  }

  async #killHub(name: HubName): Promise<void> {
    const child = this.#hubs.get(name)!
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close()
    await rm(this.#data, { recursive: true, force: true })
  }
}
