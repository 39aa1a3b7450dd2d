import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { type Connecting, connect } from '../../src/node/connect.ts'
import { Dials } from '../../src/node/dials.ts'

const HUB = multiaddr('/ip4/11.1.0.10/udp/4001/quic-v1/p2p/12D3KooWE7uksE3mX8DdiPsbU5kKsTkHfqPgF9grEUrYmdgE2bsD')
const BOB = '12D3KooWAg17Tu9wQfLaTCXnguKFwnCnmHWNHkBDNLhpjNZnav5W'

/** A node whose dials end when the test says so. */
function node() {
  const dials: { readonly signal: AbortSignal; end(): void; fail(error: Error): void }[] = []
  let connected = false
  const link = { path: { kind: 'relay' }, refresh: () => {} }
  const parts = {
    transportManager: {
      dial: (_: unknown, { signal }: { signal: AbortSignal }) => {
        const { promise, resolve, reject } = Promise.withResolvers<object>()
        signal.addEventListener('abort', () => reject(signal.reason))
        const end = () => {
          connected = true
          resolve({})
        }
        dials.push({ signal, end, fail: reject })
        return promise
      }
    },
    hubs: [HUB],
    dials: new Dials(),
    isConnected: () => connected,
    linkTo: () => link,
    goDirect: () => {}
  } as unknown as Connecting
  return { parts, dials, link }
}

/** A dial begins a few promise jobs after the connect. */
const begun = () => new Promise(resolve => setImmediate(resolve))

describe('a second connect to the same peer', () => {
  it('joins the first: one dial, one link', async () => {
    const { parts, dials, link } = node()
    const both = Promise.all([connect(parts, BOB, {}), connect(parts, BOB, {})])
    await begun()
    assert.equal(dials.length, 1)
    dials[0]!.end()
    assert.deepEqual(await both, [link, link])
    assert.equal(await connect(parts, BOB, {}), link)
    assert.equal(dials.length, 1)
  })

  it('goes on when the first gives up', async () => {
    const { parts, dials, link } = node()
    const first = new AbortController()
    const failed = assert.rejects(connect(parts, BOB, { signal: first.signal }), { code: 'TIMEOUT' })
    const second = connect(parts, BOB, {})
    await begun()
    first.abort(new Error('enough'))
    await failed
    assert.equal(dials[0]!.signal.aborted, false)
    dials[0]!.end()
    assert.equal(await second, link)
  })

  it('ends the dial when nobody is left, and fails with it when it fails', async () => {
    const { parts, dials } = node()
    const controller = new AbortController()
    const { signal } = controller
    const gone = [connect(parts, BOB, { signal }), connect(parts, BOB, { signal })]
    await begun()
    controller.abort(new Error('enough'))
    for (const each of gone) await assert.rejects(each, { code: 'TIMEOUT' })
    assert.equal(dials[0]!.signal.aborted, true)
    const failing = [connect(parts, BOB, {}), connect(parts, BOB, {})]
    await begun()
    assert.equal(dials.length, 2)
    dials[1]!.fail(new Error('NO_RESERVATION'))
    for (const each of failing) await assert.rejects(each, { code: 'PEER_OFFLINE' })
  })
})
