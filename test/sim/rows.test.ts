import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  DEPENDENCES,
  type FilteringBehaviour,
  type MappingBehaviour,
  PORT_ALLOCATIONS,
  type PortAllocation
} from '../../src/core/behaviour.ts'
import type { Endpoint } from '../../src/core/machine.ts'
import { createSim, type Sim } from '../../src/sim/index.ts'
import { answering, ask, bytes } from './udp.ts'

/** Each behaviour, found out by packets alone, as a program behind the router would. */
for (const mapping of DEPENDENCES) {
  for (const filtering of DEPENDENCES) {
    describe(`${mapping} mapping, ${filtering} filtering`, () => {
      for (const allocation of PORT_ALLOCATIONS) {
        for (const hairpin of [false, true]) {
          test(`${allocation} ports, ${hairpin ? 'with' : 'no'} hairpinning`, async () => {
            using sim = createSim({
              nat: { mapping, filtering, allocation, hairpin },
              alice: { behind: 'nat' },
              bob: { behind: 'nat' },
              server: { addresses: 2 }
            })
            const found = {
              mapping: await foundMapping(sim),
              filtering: await foundFiltering(sim),
              allocation: await foundAllocation(sim),
              hairpin: await foundHairpin(sim)
            }
            assert.deepEqual(found, { mapping, filtering, allocation, hairpin })
          })
        }
      }
    })
  }
}

async function foundMapping(sim: Sim): Promise<MappingBehaviour> {
  const server = sim.host('server')
  for (const address of server.ips) for (const port of [1000, 1001]) await answering(server, port, address)
  const [first = '', second = ''] = server.ips
  const alice = sim.host('alice')
  const socket = await alice.udp({ family: 4 })
  const seen: string[] = []
  for (const to of [
    { address: first, port: 1000 },
    { address: first, port: 1001 },
    { address: second, port: 1000 }
  ]) {
    seen.push((await sim.run(ask(alice, socket, to))).seen)
  }
  socket.close()
  if (seen[0] !== seen[1]) return 'address-and-port-dependent'
  return seen[0] === seen[2] ? 'endpoint-independent' : 'address-dependent'
}

async function foundFiltering(sim: Sim): Promise<FilteringBehaviour> {
  const { ips } = sim.host('server')
  const alice = sim.host('alice')
  const socket = await alice.udp({ family: 4 })
  const { seen } = await sim.run(ask(alice, socket, { address: ips[0]!, port: 1000 }))
  const heard: Endpoint[] = []
  socket.onPacket((_, from) => heard.push(from))
  for (const address of ips) {
    const sender = await sim.host('server').udp({ family: 4, address, port: 2000 })
    sender.send({ bytes: bytes('unasked'), to: endpoint(seen) })
  }
  await sim.clock.advance(10)
  const from = heard.map(({ address }) => address)
  if (from.includes(ips[1]!)) return 'endpoint-independent'
  return from.includes(ips[0]!) ? 'address-dependent' : 'address-and-port-dependent'
}

async function foundAllocation(sim: Sim): Promise<PortAllocation> {
  const alice = sim.host('alice')
  const to = { address: sim.host('server').ip, port: 1000 }
  const pairs: { local: number; seen: number }[] = []
  for (const port of [5001, 7003, 6002, 9009]) {
    const socket = await alice.udp({ family: 4, port })
    const { seen } = await sim.run(ask(alice, socket, to))
    pairs.push({ local: port, seen: endpoint(seen).port })
  }
  if (pairs.every(({ local, seen }) => local === seen)) return 'preserving'
  const isNext = pairs.slice(1).every(({ seen }, n) => seen === pairs[n]!.seen + 1)
  return isNext ? 'sequential' : 'random'
}

async function foundHairpin(sim: Sim): Promise<boolean> {
  const [alice, bob] = [sim.host('alice'), sim.host('bob')]
  const socket = await alice.udp({ family: 4, port: 8000 })
  const { seen } = await sim.run(ask(alice, socket, { address: sim.host('server').ip, port: 1000 }))
  let heard = false
  socket.onPacket(() => {
    heard = true
  })
  const other = await bob.udp({ family: 4, port: 8001 })
  other.send({ bytes: bytes('neighbour'), to: endpoint(seen) })
  await sim.clock.advance(10)
  return heard
}

function endpoint(text: string): Endpoint {
  const [address = '', port] = text.split(':')
  return { address, port: Number(port) }
}
