// Two hosts behind NATs punch a hole, in an internet inside this process: time is virtual, and every run is the same.
import { createSim, type Endpoint, type SimHost } from 'beeline/sim'

const sim = createSim({
  server: {},
  natA: { mapping: 'endpoint-independent', link: { delayMs: 20 } },
  natB: { mapping: 'endpoint-independent', filtering: 'address-dependent', link: { delayMs: 50 } },
  alice: { behind: 'natA' },
  bob: { behind: 'natB' }
})

// the server tells each who asks as whom it sees it
const server = await sim.host('server').udp({ family: 4, port: 3478 })
server.onPacket((_, from) => server.send({ bytes: Buffer.from(JSON.stringify(from)), to: from }))

async function open(host: SimHost) {
  const socket = await host.udp({ family: 4 })
  const observed = new Promise<Endpoint>(resolve => {
    const stop = socket.onPacket(bytes => {
      stop()
      resolve(JSON.parse(Buffer.from(bytes).toString()))
    })
  })
  socket.send({ bytes: Buffer.from('who am I?'), to: { address: sim.host('server').ip, port: 3478 } })
  return { socket, observed: await sim.run(observed) }
}

const alice = await open(sim.host('alice'))
const bob = await open(sim.host('bob'))
console.log(`alice is ${alice.observed.address}, bob is ${bob.observed.address}`)

const heard = new Promise<string>(resolve => bob.socket.onPacket(bytes => resolve(Buffer.from(bytes).toString())))
bob.socket.send({ bytes: Buffer.from('opens the NAT of bob'), to: alice.observed })
alice.socket.send({ bytes: Buffer.from('hello through two NATs'), to: bob.observed })
console.log(`bob heard "${await sim.run(heard)}" at ${sim.clock.now()} ms`)
console.log(`natA dropped ${sim.counts('natA').dropped}, natB ${sim.counts('natB').dropped}`)
sim.close()
