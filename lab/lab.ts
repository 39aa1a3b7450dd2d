import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { capability } from './capability.ts'
import { checkLink, checkSpec } from './check-spec.ts'
import { engineOf } from './engine.ts'
import { spawnInside } from './enter.ts'
import type { ExecOptions, ExecResult } from './exec.ts'
import { collect } from './exec.ts'
import { Keeper } from './keeper.ts'
import { movedNode, plugScript, unplugScript } from './move.ts'
import { startNameServer } from './nat64/process.ts'
import type { Plan, PlannedNode } from './plan.ts'
import { planLab } from './plan.ts'
import { apartRules, blockUdpRules, deafRules, hearingRules } from './rules.ts'
import { hasNat64, labScript, uplinkOf, wireEnds } from './script.ts'
import { sibling } from './sibling.ts'
import type { LabSpec, LinkSpec } from './spec.ts'
import { INTERNET, isRouter } from './spec.ts'
import { TunProcess } from './tun/process.ts'
import { WireProcess } from './wire/process.ts'

export { capability } from './capability.ts'
export type { ExecOptions, ExecResult } from './exec.ts'
export type { PlannedNode } from './plan.ts'
export { PRESETS, preset } from './presets.ts'
export type { HostSpec, LabSpec, LinkSpec, Mapping, RouterSpec } from './spec.ts'

export interface LabOptions {
  /** Of the loss and jitter of shaped links: the same seed, the same numbers. @default 1 */
  seed?: number
}

/**
 * Makes a lab: hosts and routers in network namespaces of their own, which this process holds. They are gone when it closes
 * the lab or ends, however it ends. See docs/lab.md.
 *
 * @throws Error when the spec is wrong, or with what `capability` says when labs cannot be made here
 */
export async function openLab(spec: LabSpec, { seed = 1 }: LabOptions = {}): Promise<Lab> {
  checkSpec(spec)
  const can = await capability(spec)
  if (!can.ok) throw new Error(`no lab here: ${can.reason}. ${can.fix}`)
  const plan = planLab(spec)
  const keeper = await Keeper.start()
  try {
    await runChecked(keeper.pid, undefined, ['sh', '-e'], labScript(plan))
    const links = plan.nodes.flatMap((node, i) =>
      node.link ? [{ name: node.name, ...wireEnds(plan, node), seed: seed * 1000 + i, link: node.link }] : []
    )
    const wire = links.length > 0 ? await WireProcess.start(keeper.pid, links) : undefined
    const simulated = plan.nodes.filter(isSimulated)
    const nats = await Promise.all(
      simulated.map(async router => [router.name, await TunProcess.start(keeper.pid, router, seed)] as const)
    )
    await Promise.all(plan.nodes.filter(hasNat64).map(router => startNameServer(keeper.pid, plan, router)))
    return new Lab(keeper, plan, wire, new Map(nats))
  } catch (error) {
    await keeper.stop()
    throw error
  }
}

export class Lab {
  readonly #keeper: Keeper
  #plan: Plan
  readonly #wire: WireProcess | undefined
  /** Of the routers that the simulator's engine runs, by name. */
  readonly #nats: ReadonlyMap<string, TunProcess>
  /** Pairs between which the internet loses everything. */
  readonly #apart = new Map<string, readonly [string, string]>()

  constructor(keeper: Keeper, plan: Plan, wire: WireProcess | undefined, nats: ReadonlyMap<string, TunProcess>) {
    this.#keeper = keeper
    this.#plan = plan
    this.#wire = wire
    this.#nats = nats
  }

  /** Whose namespaces the lab lives in: `nsenter` finds them by it. */
  get keeperPid(): number {
    return this.#keeper.pid
  }

  /** All hosts and routers, in the order of the spec. */
  get nodes(): readonly PlannedNode[] {
    return this.#plan.nodes
  }

  /** A host or router by name: its addresses. @throws Error when there is none of that name */
  host(name: string): PlannedNode {
    const node = this.#plan.nodes.find(node => node.name === name)
    if (!node) throw new Error(`no '${name}' in this lab, only ${this.#plan.nodes.map(node => node.name).join(', ')}`)
    return node
  }

  /** Runs a program in a host to its end. It may fail: look at `code`. */
  exec(host: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { cwd, env } = options
    const child = this.spawn(host, argv, { stdio: 'pipe', ...(cwd && { cwd }), ...(env && { env }) })
    return collect(child, options)
  }

  /** Starts a program in a host, as `spawn` of node:child_process; `kill` signals that program itself. */
  spawn(host: string, argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    if (!this.#keeper.running) throw new Error('the lab is closed')
    return spawnInside(this.#keeper.pid, this.host(host).name, argv, options)
  }

  /** The router forgets all connections and mappings, as when it restarts. Hosts keep theirs. */
  async flushNat(router: string): Promise<void> {
    const nat = this.#nats.get(router)
    if (nat) return nat.flush()
    const program = sibling(import.meta.url, 'flush-conntrack')
    await runChecked(this.#keeper.pid, this.#router(router).name, [process.execPath, program])
  }

  /** Drops UDP in both directions, or no longer. */
  async setBlockUdp(router: string, block: boolean): Promise<void> {
    const nat = this.#nats.get(router)
    if (nat) return nat.setBlockUdp(block)
    await this.#nft(this.#router(router).name, blockUdpRules(block))
  }

  /** Changes a link that was given as `link` in the spec; what is left out of the new one has its default. */
  async setLink(name: string, link: LinkSpec): Promise<void> {
    const node = this.host(name)
    if (!node.link || !this.#wire)
      throw new Error(`the link of '${name}' is not shaped: give it \`link: {}\` in the spec`)
    checkLink(link, what => new Error(`lab node '${name}': ${what}`))
    await this.#wire.change(name, link)
  }

  /** Cuts a host or router off: packets are lost at both ends of its uplink, its interface stays up. */
  async down(name: string): Promise<void> {
    const node = this.host(name)
    await this.#nft(node.name, deafRules(uplinkOf(node)))
    await this.#nft(node.behind ?? INTERNET, deafRules(node.name))
  }

  /** Connects it again. */
  async up(name: string): Promise<void> {
    const node = this.host(name)
    await this.#nft(node.name, hearingRules(uplinkOf(node)))
    await this.#nft(node.behind ?? INTERNET, hearingRules(node.name))
  }

  /** Pulls out a host's cable: its interface has no carrier any more, and neither address nor route. `move` puts it in again. */
  async unplug(host: string): Promise<void> {
    const node = this.host(host)
    if (node.kind !== 'host') throw new Error(`'${host}' is a router: only hosts are unplugged`)
    await this.#run(unplugScript(node))
  }

  /**
   * Puts a host behind another router, or with none on the internet, while its programs run: a new address, a new default route. Behind the router
   * that it was behind already it gets its old address again. It must not be cut off (`down`).
   */
  async move(host: string, behind?: string): Promise<void> {
    const before = this.host(host)
    const after = movedNode(this.#plan, host, behind)
    const plan = { ...this.#plan, nodes: this.#plan.nodes.map(node => (node === before ? after : node)) }
    // first, because another host may move at the same time
    this.#plan = plan
    await this.#run(plugScript(plan, before, after))
  }

  /** The internet loses everything between two that are attached to it, or no longer; what both exchange with others passes. */
  async setApart(one: string, other: string, apart: boolean): Promise<void> {
    const pair = [this.#attached(one).name, this.#attached(other).name].sort() as [string, string]
    if (apart) this.#apart.set(`${pair}`, pair)
    else this.#apart.delete(`${pair}`)
    await this.#nft(INTERNET, apartRules(this.#apart.values()))
  }

  /** Ends every program in the lab and removes its networks. Resolves when they have ended. */
  async close(): Promise<void> {
    await this.#keeper.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #router(name: string): PlannedNode {
    const node = this.host(name)
    if (node.kind !== 'router') throw new Error(`'${name}' is a host, not a router`)
    return node
  }

  #attached(name: string): PlannedNode {
    const node = this.host(name)
    if (node.behind !== undefined) throw new Error(`'${name}' is behind '${node.behind}', not on the internet`)
    return node
  }

  async #run(script: string): Promise<void> {
    await runChecked(this.#keeper.pid, undefined, ['sh', '-e'], script)
  }

  async #nft(namespace: string, rules: string): Promise<void> {
    await runChecked(this.#keeper.pid, namespace, ['nft', '-f', '-'], rules)
  }
}

function isSimulated({ spec }: PlannedNode): boolean {
  return isRouter(spec) && engineOf(spec) === 'sim'
}

/** @throws Error with what the program said */
async function runChecked(keeper: number, namespace: string | undefined, argv: string[], input = ''): Promise<void> {
  const { code, signal, stderr } = await collect(spawnInside(keeper, namespace, argv, { stdio: 'pipe' }), { input })
  if (code !== 0) throw new Error(`lab: ${argv[0]} ended with ${code ?? signal}: ${stderr.trim()}`)
}
