import type { NetHost } from '../../src/core/net.ts'
import { PortMapper, type PortMapperEvents, type PortMapperOptions } from '../../src/portmap/index.ts'
import { type GatewayOptions, openGateway } from '../../src/sim/gateway/index.ts'
import { createSim, type Sim, type SimHost } from '../../src/sim/index.ts'

/** What a mapper has told, in order and in short. */
export type Told = string[]

/**
 * A home with a router that maps ports, a mapper on a machine in it, and all that the mapper tells: `mapped udp pcp 11.1.0.10:4001`.
 * The router's mapping is the hardest one, so that nobody gets in without a port mapping.
 */
export async function openHome(
  gatewayOptions: GatewayOptions,
  options: PortMapperOptions = { families: [4] },
  asSeen: (alice: SimHost) => NetHost = alice => alice
) {
  const sim = createSim({
    home: { mapping: 'address-and-port-dependent' },
    alice: { behind: 'home', ipv6: true },
    server: { ipv6: true }
  })
  const gateway = await openGateway(sim, 'home', gatewayOptions)
  const alice = sim.host('alice')
  const mapper = new PortMapper(asSeen(alice), options)
  return { sim, gateway, alice, server: sim.host('server'), mapper, told: listen(mapper) }
}

/** A host with something else in its place. */
export function replaced(host: NetHost, other: Partial<NetHost>): NetHost {
  return {
    clock: host.clock,
    random: host.random,
    addresses: () => host.addresses(),
    gateways: () => host.gateways(),
    udp: options => host.udp(options),
    tcp: (to, options) => host.tcp(to, options),
    http: (request, signal) => host.http(request, signal),
    resolve: (name, family, signal) => host.resolve(name, family, signal),
    ...other
  }
}

function listen(mapper: PortMapper): Told {
  const told: Told = []
  for (const event of ['mapped', 'lost'] as const) {
    mapper.events.on(event, ({ protocol, by, external }: PortMapperEvents['mapped']) => {
      told.push(`${event} ${protocol} ${by} ${external.address}:${external.port}`)
    })
  }
  mapper.events.on('failed', ({ protocol, reason }) => told.push(`failed ${protocol} ${reason}`))
  return told
}

/** Whether a datagram from a stranger on the internet arrives at a port of a host. */
export async function isReached(
  sim: Sim,
  from: SimHost,
  at: SimHost,
  { internalPort = 4001, address, port }: { internalPort?: number; address: string; port: number }
): Promise<boolean> {
  const family = address.includes(':') ? 6 : 4
  const inside = await at.udp({ family, port: internalPort })
  const outside = await from.udp({ family })
  let heard = false
  inside.onPacket(() => {
    heard = true
  })
  outside.send({ bytes: Uint8Array.of(1), to: { address, port } })
  await sim.clock.advance(100)
  inside.close()
  outside.close()
  return heard
}
