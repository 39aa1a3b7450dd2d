import assert from 'node:assert/strict'
import test from 'node:test'
import { Events } from '../../../src/core/events.ts'
import { freshFlow } from '../../../src/libp2p/quic/fresh.ts'
import type { Path } from '../../../src/socket/path.ts'
import type { PacketSwitch } from '../../../src/socket/switch.ts'
import type { SwitchEvents } from '../../../src/socket/switch-events.ts'

const remote = { family: 4, address: '11.0.0.7', port: 4001 } as const

function fakeSwitch(failure?: Error) {
  const calls: string[] = []
  const events = new Events<SwitchEvents>()
  const opened = {
    events,
    bind: async (address: string, port: number) => {
      calls.push(`bind ${address} ${port}`)
      return { socket: 7, port: 50_000 }
    },
    dial: async (path: Path) => {
      calls.push(`dial from ${path.kind === 'udp' ? path.socket : path.kind}`)
      if (failure != null) throw failure
      return { flow: 3, loopbackPort: 1, path }
    },
    unbind: async (socket: number) => {
      calls.push(`unbind ${socket}`)
    }
  }
  return { calls, events, opened: opened as unknown as PacketSwitch }
}

test('a fresh dial has a socket of its own until its flow has gone', async () => {
  const { calls, events, opened } = fakeSwitch()
  const { flow } = await freshFlow(opened, '0.0.0.0', remote)
  assert.deepEqual(calls, ['bind 0.0.0.0 0', 'dial from 7'])
  events.emit('gone', { flow: flow + 1, loopbackPort: 2 })
  assert.equal(calls.length, 2)
  events.emit('gone', { flow, loopbackPort: 1 })
  events.emit('gone', { flow, loopbackPort: 1 })
  assert.deepEqual(calls.slice(2), ['unbind 7'])
})

test('a dial that the switch refuses leaves no socket behind', async () => {
  const { calls, opened } = fakeSwitch(new Error('full'))
  await assert.rejects(freshFlow(opened, '0.0.0.0', remote), /full/)
  assert.deepEqual(calls.slice(2), ['unbind 7'])
})
