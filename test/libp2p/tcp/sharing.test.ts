import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import test from 'node:test'
import { freePort, portSharing } from '../../../src/libp2p/tcp/sharing.ts'
import { until } from '../dcutr/fixture.ts'

test('this system lets connections to two hosts leave from one port, and is asked once', async () => {
  const first = portSharing()
  assert.equal(portSharing(), first)
  assert.deepEqual(await first, { ok: true })
  const open = () => process.getActiveResourcesInfo().filter(each => /TCP/.test(each))
  await until('the trial leaves nothing open', () => open().length === 0)
})

for (const host of ['127.0.0.1', '::1']) {
  test(`a free port can be left from to ${host}`, async t => {
    const server = createServer(socket => socket.resume()).listen(0, host)
    t.after(() => server.close())
    await once(server, 'listening')
    const localPort = await freePort()
    const { port } = server.address() as { port: number }
    const socket = connect({ host, port, localPort })
    await once(socket, 'connect')
    assert.equal(socket.localPort, localPort)
    socket.destroy()
  })
}
