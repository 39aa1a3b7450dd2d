import assert from 'node:assert/strict'
import test from 'node:test'
import type { Connection } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { createLibp2p } from 'libp2p'
import { NatError } from '../../src/core/errors.ts'
import { quic } from '../../src/libp2p/quic/index.ts'

const HANGING = '/test/hanging/1.0.0'
const start = () =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] },
    transports: [quic()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false }
  })

const OURS = new NatError('LINK_CLOSED', 'nothing came by any path for 60 s')
const ROWS: readonly [what: string, end: (here: Connection, there: Connection) => void, message: RegExp][] = [
  [
    'the other side has ended',
    (_, there) => there.abort(new Error('elsewhere')),
    /the other side closed it, or nothing came/
  ],
  ['we have ended, and know why', here => here.abort(OURS), /^nothing came by any path for 60 s$/]
]
for (const [what, end, message] of ROWS) {
  test(`who waits for a stream of a connection that ${what} is told with a code and a reason`, async t => {
    const [here, there] = await Promise.all([start(), start()])
    t.after(() => Promise.all([here.stop(), there.stop()]))
    await there.handle(HANGING, () => {})
    const connection = await here.dial(there.getMultiaddrs()[0]!)
    const stream = await connection.newStream(HANGING)
    const reading = byteStream(stream).read({ bytes: 1, signal: AbortSignal.timeout(10_000) })
    end(connection, there.getConnections()[0]!)
    await assert.rejects(reading, { name: 'NatError', code: 'LINK_CLOSED', message })
  })
}
