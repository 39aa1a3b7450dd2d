import { examine } from '../../../src/nat/examine.ts'
import type { NetworkReport } from '../../../src/nat/report.ts'
import { summaryOf } from '../../../src/nat/summary.ts'
import { createSim, type Sim, type SimHost, type SimSpec } from '../../../src/sim/index.ts'
import { sharedSocket } from '../../../src/socket/shared-socket.ts'
import type { PacketSwitch } from '../../../src/socket/switch.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import { stunServer } from '../../nat/stun-server.ts'
import { Side, type SideOptions } from './side.ts'

export { NAT, SYMMETRIC, twoNats } from '../paths/world.ts'

const PORT = 4_001
/** Of a stranger, to see whether anybody gets in. */
const KNOCK = Uint8Array.of(0x80)

export interface WorldOptions {
  readonly seed?: number
  /** One way through the relay. */
  readonly relayMs?: number
  readonly a?: SideOptions
  readonly b?: SideOptions
}

/**
 * Two nodes in a simulated internet, with a link between them: all that src/libp2p/links does for its paths, on simulated sockets, with what carries
 * messages and pipes beside it. Networks are examined as nodes do.
 */
export class World {
  readonly sim: Sim
  readonly a: Side
  readonly b: Side
  readonly hub: SimHost
  readonly relayMs: number
  relayIsDead = false
  beganMs = 0

  constructor(spec: SimSpec, options: WorldOptions = {}) {
    const { seed = 1 } = options
    this.sim = createSim({ ...spec, hub: { addresses: 2 }, stranger: {} }, { seed })
    this.hub = this.sim.host('hub')
    this.relayMs = options.relayMs ?? 42
    this.a = new Side(this, 'a', options.a ?? {}, seed + 1)
    this.b = new Side(this, 'b', options.b ?? {}, seed + 2)
  }

  /** Both have their sockets, know how they are seen, and what their networks are like. */
  async prepare(): Promise<void> {
    await stunServer(this.hub)
    for (const side of [this.a, this.b]) {
      side.main = (await side.network.bind('0.0.0.0', PORT)).socket
      side.candidates.set(await this.seen(side, side.host))
    }
    for (const side of [this.a, this.b]) side.summary.set(await this.examined(side, side.host))
  }

  /** The candidates that a node has there: its own address, and as whom a hub sees it. */
  async seen(side: Side, host: SimHost): Promise<readonly PathCandidate[]> {
    const own: PathCandidate = { kind: 'host', transport: 'udp', address: host.ip, port: PORT }
    const seen = await this.sim.run(side.ground.observe(side.main, new AbortController().signal))
    const observed: PathCandidate | undefined = seen && { kind: 'observed', transport: 'udp', ...seen }
    if (observed == null || (observed.address === own.address && observed.port === own.port)) return [own]
    return [observed, own]
  }

  /** What its node would tell others of a network. */
  async examined(side: Side, host: SimHost) {
    const udp4 = this.#shared(side)
    const servers = [{ address: this.hub.ip, port: PORT }]
    const examined = await this.sim.run(examine({ host, servers, shared: { udp4 } }))
    const reachability = (await this.#getsIn(side)) ? 'public' : 'private'
    return summaryOf({ ...examined, hubs: [], reachability, addresses: [] } as NetworkReport)
  }

  /** The offers cross the relay: the controlled side has A's a way later, the controlling one B's after two. */
  async connect(): Promise<void> {
    const { clock } = this.sim
    this.beganMs = clock.now()
    this.a.newLink()
    this.b.newLink()
    const offer = this.a.told
    clock.after(this.relayMs, () => {
      const answer = this.b.told
      this.b.begin(offer)
      clock.after(this.relayMs, () => this.a.begin(answer))
    })
    // the path stream opens when QUIC's handshake is done
    clock.after(4 * this.relayMs, () => this.a.openStream())
    clock.after(5 * this.relayMs, () => this.b.openStream())
    await clock.advance(0)
  }

  advance(ms: number): Promise<void> {
    return this.sim.clock.advance(ms)
  }

  /** Lets time pass until it is so. @returns whether it came to that within so long */
  async until(is: () => boolean, withinMs: number): Promise<boolean> {
    const { clock } = this.sim
    const endMs = clock.now() + withinMs
    while (!is()) {
      const nextMs = clock.nextAtMs
      if (nextMs == null || nextMs > endMs) return false
      await clock.advance(nextMs - clock.now())
    }
    return true
  }

  /** A way through the relay later. */
  later(deliver: () => void): void {
    this.sim.clock.after(this.relayMs, deliver)
  }

  /** A packet of the application each way. @returns whether both arrived */
  async carries(): Promise<boolean> {
    const before = [this.a.arrived, this.b.arrived]
    this.a.send()
    this.b.send()
    await this.advance(500)
    return this.a.arrived > before[0]! && this.b.arrived > before[1]!
  }

  /** Ends the link. @returns timers that are left when all that is under way has come */
  async leftovers(): Promise<number> {
    this.a.close()
    this.b.close()
    await this.advance(2_000)
    return this.sim.clock.pending
  }

  #shared(side: Side) {
    return sharedSocket(side.network as unknown as PacketSwitch, side.main, { address: '0.0.0.0', port: PORT })
  }

  async #getsIn(side: Side): Promise<boolean> {
    const [first] = side.candidates.value
    let got = false
    side.network.onOther = () => {
      got = true
    }
    const socket = await this.sim.host('stranger').udp({ family: 4 })
    socket.send({ bytes: KNOCK, to: first! })
    await this.advance(300)
    socket.close()
    return got
  }

  [Symbol.dispose](): void {
    this.a.close()
    this.b.close()
    this.a.network.close()
    this.b.network.close()
    this.sim.close()
  }
}
