import assert from 'node:assert/strict'
import { NatError } from '../../src/core/errors.ts'
import type { Endpoint } from '../../src/core/machine.ts'
import type { Backend } from '../../src/socket/backend.ts'
import { Board } from '../../src/socket/board.ts'
import type { Flow } from '../../src/socket/flow.ts'
import type { Path } from '../../src/socket/path.ts'
import type { Bound, FlowInfo, PlaneEvent } from '../../src/socket/plane.ts'

export interface Loop {
  readonly port: number
  readonly delivered: Uint8Array[]
  aimedAt: Endpoint | undefined
  alsoAimedAt: Endpoint | undefined
  open: boolean
}

/** Sockets that are lists, and a clock that is a number. */
export class FakeSockets implements Backend<string, Loop> {
  readonly sent: string[] = []
  readonly loops: Loop[] = []
  readonly unbound: string[] = []
  readonly waiting: (() => void)[] = []
  /** The system has no more descriptors. */
  exhausted = false
  /** Loopback sockets open later, as Node's do. */
  slow = false

  get openLoops(): number {
    return this.loops.filter(({ open }) => open).length
  }

  bind(address: string, port: number, done: (result: { socket: string; port: number } | NatError) => void): void {
    const bound = () => done({ socket: address, port })
    if (this.slow) this.waiting.push(bound)
    else bound()
  }
  opened(): void {}
  unbind(socket: string): void {
    this.unbound.push(socket)
  }
  keyOf({ address, port }: Endpoint): string {
    return `${address} ${port}`
  }
  openLoop(_enginePort: number | undefined, remote: Endpoint | undefined): Loop {
    const loop: Loop = {
      port: 40_000 + this.loops.length,
      delivered: [],
      aimedAt: remote,
      alsoAimedAt: undefined,
      open: true
    }
    this.loops.push(loop)
    return loop
  }
  assigned(): void {}
  whenOpen(loop: Loop, done: (result: number | NatError) => void): void {
    const result = this.exhausted ? new NatError('LIMIT', 'no descriptor') : loop.port
    const opened = () => done(loop.open ? result : new NatError('LINK_CLOSED', 'closed'))
    if (this.slow) this.waiting.push(opened)
    else opened()
  }
  aim(loop: Loop, remote: Endpoint | undefined, also: Endpoint | undefined): void {
    assert.equal(loop.open, true, 'a closed socket is not aimed')
    loop.aimedAt = remote
    loop.alsoAimedAt = also
  }
  closeLoop(loop: Loop): void {
    assert.equal(loop.open, true, 'a loopback socket is closed once')
    loop.open = false
  }
  send(socket: string, to: Endpoint, bytes: Uint8Array): void {
    this.sent.push(`${socket} -> ${to.address}:${to.port} ${bytes.length}`)
  }
  deliver(loop: Loop, bytes: Uint8Array): void {
    assert.equal(loop.open, true, 'nothing is delivered to a closed socket')
    loop.delivered.push(bytes)
  }
  deliverAll(loop: Loop, datagrams: readonly Uint8Array[]): void {
    for (const bytes of datagrams) this.deliver(loop, bytes)
  }
}

export const LIMITS = { maxFlows: 4, maxUnconfirmed: 2, unconfirmedMs: 8_000, idleMs: 90_000, lingerMs: 1_000 }
export const SERVER_ID = '5e5e5e5e5e5e5e5e'

/** A board over such sockets, one of them bound, with an engine that listens behind it. */
export function setUp(limits = LIMITS) {
  const sockets = new FakeSockets()
  const events: PlaneEvent[] = []
  const clock = { nowMs: 0 }
  const board = new Board<string, Loop>(
    sockets,
    event => events.push(event),
    () => clock.nowMs,
    limits
  )
  const socket = (
    call((done: (result: Bound | NatError) => void) => board.sockets.bind('0.0.0.0', 4001, done)) as Bound
  ).socket
  board.sockets.listen(socket, 5_000)
  const remote = (port: number): Endpoint => ({ address: '192.0.2.1', port })
  const udp = (port: number): Path => ({ kind: 'udp', socket, remote: remote(port) })
  const arrive = (port: number, bytes: Uint8Array) => {
    const entries = board.route(socket, sockets.keyOf(remote(port)), bytes, () => remote(port))
    for (const entry of entries) {
      board.received(entry, bytes)
      sockets.deliver(entry.flow.handle, bytes)
    }
    return entries.map(({ flow }) => flow)
  }
  const dial = (path: Path, punch = false) =>
    call((done: (result: FlowInfo | NatError) => void) => board.dial(path, punch, done))
  /** Lets time pass as the thread of a plane does. */
  const sleep = (untilMs: number) => {
    while (clock.nowMs < untilMs) {
      const wakeAtMs = board.tick()
      assert.ok(wakeAtMs > clock.nowMs)
      clock.nowMs = Math.min(untilMs, wakeAtMs)
    }
    board.tick()
  }
  const flow = (info: FlowInfo | NatError | undefined): Flow<Loop> => {
    assert.ok(info != null && 'flow' in info)
    return board.flows.get(info.flow)!
  }
  return { sockets, events, clock, board, socket, udp, arrive, dial, sleep, flow }
}

/** What a function with a callback answers at once, if it does. */
export function call<T>(ask: (done: (result: T) => void) => void): T | undefined {
  let answer: T | undefined
  ask(result => {
    answer = result
  })
  return answer
}
