import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'
import { BLOCKS } from './blocks.ts'
import type { ContenderName } from './contenders.ts'
import { nowMs, type PeerEvent } from './events.ts'
import type { PeerArguments } from './peer.ts'

type EventOf<Name extends PeerEvent['event']> = Extract<PeerEvent, { event: Name }>

const PEER = fileURLToPath(new URL('peer.ts', import.meta.url))
/** Starting Node, a node, and reservations at two hubs through any lab. */
const READY_MS = 20_000
/** A stream that is this far behind the clock has not recovered yet. */
const BEHIND_BLOCKS = BLOCKS.perSecond / 2
const FINISH_MS = 30_000

type Role = 'receive' | 'send'
type EventListener = (role: Role, event: PeerEvent) => void

/** A program in a lab, and all that it has told. */
class Peer {
  readonly events: PeerEvent[] = []
  readonly child: ChildProcess
  errors = ''

  constructor(lab: Lab, host: string, options: PeerArguments, heard: (event?: PeerEvent) => void) {
    this.child = lab.spawn(host, [process.execPath, PEER, JSON.stringify(options)], { stdio: 'pipe' })
    createInterface({ input: this.child.stdout! }).on('line', line => {
      const event = JSON.parse(line) as PeerEvent
      this.events.push(event)
      heard(event)
    })
    this.child.stderr!.on('data', chunk => {
      this.errors = (this.errors + chunk).slice(-4000)
    })
    this.child.once('close', () => heard())
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }
}

/** A stream of blocks from bob to alice, over a node of each of one make. */
export class Pair {
  readonly contender: ContenderName
  readonly #lab: Lab
  readonly #options: Omit<PeerArguments, 'to'>
  readonly #receivers: Peer[] = []
  readonly #senders: Peer[] = []
  readonly #waiting = new Set<() => void>()
  #onEvent: EventListener = () => {}

  constructor(lab: Lab, options: Omit<PeerArguments, 'to'>) {
    this.contender = options.contender
    this.#lab = lab
    this.#options = options
  }

  /** Starts both programs, the second time in place of the first ones. @throws Error when one does not get ready */
  async start(): Promise<void> {
    for (const { child } of [...this.#receivers, ...this.#senders]) child.kill('SIGKILL')
    const heard = (role: Role) => (event?: PeerEvent) => {
      if (event) this.#onEvent(role, event)
      for (const wake of this.#waiting) wake()
    }
    const receiver = new Peer(this.#lab, 'alice', this.#options, heard('receive'))
    this.#receivers.push(receiver)
    const ready = () => receiver.events.find(({ event }) => event === 'ready') as EventOf<'ready'> | undefined
    if (!(await this.until(() => ready() !== undefined || receiver.hasEnded, READY_MS)) || !ready()) {
      throw new Error(`${this.contender} did not get ready: ${receiver.errors}`)
    }
    this.#senders.push(new Peer(this.#lab, 'bob', { ...this.#options, to: ready()!.id }, heard('send')))
  }

  /** Calls for whatever one of the programs tells from now on. */
  onEvent(listener: EventListener): void {
    this.#onEvent = listener
  }

  /** Times that both programs were started. */
  get starts(): number {
    return this.#senders.length
  }

  /** What the sender told, of all its lives. */
  sent<Name extends PeerEvent['event']>(name: Name): EventOf<Name>[] {
    return this.#of(this.#senders, name)
  }

  received<Name extends PeerEvent['event']>(name: Name): EventOf<Name>[] {
    return this.#of(this.#receivers, name)
  }

  get path(): EventOf<'path'> | undefined {
    return this.sent('path').at(-1)
  }

  /** Whether blocks have come since then. */
  isMoving(sinceMs: number): boolean {
    const last = this.received('blocks').at(-1)
    return last !== undefined && last.atMs >= sinceMs
  }

  /** Whether those that were due have come, too. */
  isInTime(sinceMs: number): boolean {
    return this.isMoving(sinceMs) && this.behindBlocks <= BEHIND_BLOCKS
  }

  /** How many were due on the last stream that had not come when the last one came. */
  get behindBlocks(): number {
    const stream = this.sent('stream').at(-1)
    const last = this.received('blocks').at(-1)
    if (!stream || !last || last.atMs < stream.atMs) return Number.POSITIVE_INFINITY
    return Math.round(((last.atMs - stream.atMs) / 1000) * BLOCKS.perSecond - last.count)
  }

  /** Whether that came true in time; looked at whenever one of the programs says something. */
  async until(isTrue: () => boolean, withinMs: number, signal?: AbortSignal): Promise<boolean> {
    const deadlineMs = nowMs() + withinMs
    while (!isTrue()) {
      signal?.throwIfAborted()
      const leftMs = deadlineMs - nowMs()
      if (leftMs <= 0) return false
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      const timer = new AbortController()
      await Promise.race([promise, delay(leftMs, undefined, { signal: timer.signal }).catch(() => {})])
      timer.abort()
      this.#waiting.delete(resolve)
    }
    return true
  }

  /** Has the sender send what is due, and waits until all of it has come. @returns whether it has */
  async finish(): Promise<boolean> {
    for (const { child } of this.#senders.slice(-1)) child.stdin!.end()
    return await this.until(() => this.sent('done').length > 0 && this.received('done').length > 0, FINISH_MS)
  }

  #of<Name extends PeerEvent['event']>(peers: readonly Peer[], name: Name): EventOf<Name>[] {
    return peers.flatMap(({ events }) => events.filter((event): event is EventOf<Name> => event.event === name))
  }
}
