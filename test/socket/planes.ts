import { readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'
import { planeOf } from '../../src/socket/thread.ts'
import { UdpEnd } from './udp-end.ts'

const fast = planeOf()

/** Both data planes; `skip`: why this machine cannot run it. */
export const PLANES: readonly { readonly kind: PlaneKind; readonly skip: string | false }[] = [
  { kind: 'ffi', skip: fast.kind === 'ffi' ? false : (fast.reason ?? 'not here') },
  { kind: 'portable', skip: false }
]

export const NO_IPV6: string | false =
  networkInterfaces()['lo']?.some(({ address }) => address === '::1') === true ? false : 'this machine has no ::1'
export const NO_PROC: string | false = process.platform === 'linux' ? false : '/proc/self/fd is for Linux'

/** The open descriptors of this process, the threads of its switches included. */
export const descriptors = (): number => readdirSync('/proc/self/fd').length

/** Waits for a state that is reached without telling. @throws Error with the last state, when it is not reached */
export async function until<T>(read: () => T | Promise<T>, reached: (state: T) => boolean): Promise<T> {
  const deadlineMs = performance.now() + 10_000
  for (;;) {
    const state = await read()
    if (reached(state)) return state
    if (performance.now() > deadlineMs) throw new Error(`not reached, but ${JSON.stringify(state)}`)
    await delay(5)
  }
}

/** A switch with one public socket, behind which a server of the engine listens, and a remote peer. */
export async function setUp(t: TestContext, kind: PlaneKind, address = '127.0.0.1') {
  const packetSwitch = await PacketSwitch.open(kind)
  t.after(() => packetSwitch.close())
  const { socket, port } = await packetSwitch.bind(address, 0)
  const engine = await UdpEnd.open(t)
  await packetSwitch.listen(socket, engine.endpoint.port)
  const peer = await UdpEnd.open(t, address)
  /** A flow that our engine's client has dialled and sent on. */
  const dial = async (remote: UdpEnd = peer) => {
    const info = await packetSwitch.dial({ kind: 'udp', socket, remote: remote.endpoint })
    return { ...info, client: await UdpEnd.open(t) }
  }
  return { packetSwitch, socket, port, engine, peer, dial }
}
