import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../src/core/random.ts'
import { openGateway } from '../../../src/sim/gateway/index.ts'
import { createSim } from '../../../src/sim/index.ts'
import { encodeNatPmpRequest } from '../../../src/wire/natpmp.ts'
import { PCP_SERVER_PORT } from '../../../src/wire/pcp/codes.ts'
import { decodePcpResponse, encodePcpRequest } from '../../../src/wire/pcp/message.ts'
import { encodeSsdp, SSDP_PORT } from '../../../src/wire/upnp/ssdp.ts'
import { exchange } from '../udp.ts'
import { home, mapRequest } from './home.ts'

test('what cannot be read is not answered, or refused; a gateway lives through all of it', async () => {
  using sim = createSim(home)
  await openGateway(sim, 'home')
  const alice = sim.host('alice')
  const router = '192.168.1.1'
  const random = seededRandom(11)
  const socket = await alice.udp({ family: 4 })
  const samples = [
    { port: PCP_SERVER_PORT, bytes: encodePcpRequest(mapRequest(alice.ip, {})) },
    { port: PCP_SERVER_PORT, bytes: encodeNatPmpRequest({ opcode: 'address' }) },
    { port: SSDP_PORT, bytes: encodeSsdp({ type: 'search', target: 'ssdp:all', mxSeconds: 1 }) }
  ]
  for (let n = 0; n < 2000; n++) {
    const { port, bytes } = samples[random.int(0, samples.length - 1)]!
    const changed = Uint8Array.from(bytes.subarray(0, random.int(0, bytes.length)))
    for (let i = random.int(0, 3); i > 0 && changed.length > 0; i--) {
      changed[random.int(0, changed.length - 1)] = random.int(0, 255)
    }
    socket.send({ bytes: changed, to: { address: router, port } })
    if (n % 100 === 0) await sim.clock.advance(10)
  }
  await sim.clock.advance(10)
  socket.close()

  const never = new AbortController().signal
  for (const text of [
    '',
    'GET\r\n\r\n',
    'POST /ctl/IPConn HTTP/1.1\r\ncontent-length: 3\r\n\r\n<a>',
    '\0'.repeat(70_000)
  ]) {
    const connection = await sim.run(alice.tcp({ address: router, port: 5000 }, { signal: never }))
    connection.write(new TextEncoder().encode(text))
    await sim.clock.advance(100)
    connection.close()
  }
  await sim.clock.advance(60_000)

  const again = await alice.udp({ family: 4 })
  const request = encodePcpRequest(mapRequest(alice.ip, { internalPort: 9999 }))
  const to = { address: router, port: PCP_SERVER_PORT }
  assert.equal(decodePcpResponse(await sim.run(exchange(again, request, to))).result, 'SUCCESS')
})

test('a gateway that is silent leaves no timer behind when all is closed', async () => {
  const sim = createSim(home)
  const gateway = await openGateway(sim, 'home', { faults: { silent: true } })
  const controller = new AbortController()
  const url = 'http://192.168.1.1:5000/rootDesc.xml'
  const asked = sim.host('alice').http({ url, method: 'GET', maxBytes: 1000 }, controller.signal)
  sim.clock.after(3000, () => controller.abort(new Error('enough')))
  await assert.rejects(sim.run(asked), /enough/)
  gateway.close()
  sim.close()
  await sim.clock.advance(0)
  assert.equal(sim.clock.pending, 0)
})
