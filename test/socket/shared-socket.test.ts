import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sharedSocket } from '../../src/socket/shared-socket.ts'
import { PacketSwitch } from '../../src/socket/switch.ts'

test('what can be sent nowhere is lost, as by any other socket', async () => {
  const packetSwitch = await PacketSwitch.open('portable')
  try {
    const bound = await packetSwitch.bind('127.0.0.1', 0)
    const socket = sharedSocket(packetSwitch, bound.socket, { address: '127.0.0.1', port: bound.port })
    for (const to of [
      { address: '127.0.0.1', port: 0 },
      { address: 'fe80::1%gone', port: 4001 },
      { address: 'a name', port: 4001 }
    ]) {
      assert.doesNotThrow(() => socket.send({ bytes: Uint8Array.of(1), to }))
    }
  } finally {
    await packetSwitch.close()
  }
})
