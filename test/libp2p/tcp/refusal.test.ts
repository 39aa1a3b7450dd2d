import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import net, { type NetConnectOpts, Socket } from 'node:net'
import test from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { punchable } from '../../../src/libp2p/punchable.ts'
import { portSharing } from '../../../src/libp2p/tcp/sharing.ts'
import { tcpNode } from './node.ts'

/** A system that lets one connection leave from a port, and no second one. */
function withoutSharing(): { readonly localPorts: Array<number | undefined> } {
  const localPorts: Array<number | undefined> = []
  const connect = net.connect.bind(net) as (options: NetConnectOpts) => Socket
  const refusing = (options: NetConnectOpts) => {
    const { localPort } = options as { localPort?: number }
    const taken = localPort != null && localPorts.includes(localPort)
    localPorts.push(localPort)
    if (!taken) return connect(options)
    const error = Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE' })
    return new Socket().destroy(error)
  }
  net.connect = refusing as typeof net.connect
  syncBuiltinESMExports()
  return { localPorts }
}

test('where connections cannot share a port: the reason is told, nothing is punched, and dials go on', async () => {
  await using a = await tcpNode()
  await using b = await tcpNode()
  const { localPorts } = withoutSharing()
  const anywhere = multiaddr('/ip4/11.0.0.7/tcp/4001')
  assert.equal(a.transport[punchable].canPunch(anywhere), true, 'nobody knows before the first dial')

  const connection = await a.dial(b.address)
  assert.equal(connection.status, 'open')
  assert.equal(localPorts.at(-1), undefined, 'it left from any port')
  assert.deepEqual(a.transport.sharing, {
    ok: false,
    reason: 'this system refuses a second connection from one local port (EADDRINUSE)'
  })
  assert.equal(a.transport[punchable].canPunch(anywhere), false)
  assert.equal(a.transport[punchable].observes(connection), false)

  const trials = localPorts.filter(port => port != null).length
  assert.equal((await a.dial(b.address)).status, 'open')
  assert.equal(localPorts.filter(port => port != null).length, trials, 'it is not tried again')
  assert.equal((await portSharing()).ok, false)
})
