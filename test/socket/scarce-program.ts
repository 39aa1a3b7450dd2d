// A switch in a process that has few descriptors: prints what it says when they are gone, and after some were freed.
import { NatError } from '../../src/core/errors.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'

const packetSwitch = await PacketSwitch.open(process.argv[2] as PlaneKind)
const { socket } = await packetSwitch.bind('127.0.0.1', 0)
const dial = (port: number) => packetSwitch.dial({ kind: 'udp', socket, remote: { address: '127.0.0.2', port } })
const flows: number[] = []
const said: unknown[] = []
for (let port = 1; said.length === 0; port++) {
  // two at once, which share a flow that is not yet open
  const [first, second] = await Promise.allSettled([dial(port), dial(port)])
  if (first.status === 'fulfilled') flows.push(first.value.flow)
  else said.push(first.reason, (second as PromiseRejectedResult).reason)
}
said.push(await packetSwitch.bind('127.0.0.1', 0).catch((error: unknown) => error))
for (const flow of flows) {
  await packetSwitch.release(flow)
  await packetSwitch.release(flow, true)
}
await packetSwitch.bind('127.0.0.1', 0)
await dial(1)
const codes = said.map(error => (error instanceof NatError ? error.code : String(error)))
process.stdout.write(`${codes.join(' ')} works\n`)
await packetSwitch.close()
