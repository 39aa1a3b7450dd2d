import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Events } from '../../../src/core/events.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import type { AttemptContext } from '../../../src/traversal/technique.ts'
import { local, localAmong } from '../../../src/traversal/techniques/local.ts'
import { summary } from '../summaries.ts'

const BOB = { address: '192.168.2.11', port: 4001 }
const HERE = summary({ publicAddresses: ['11.2.0.10'] })
const THERE = summary({ publicAddresses: ['11.3.0.10'] })

function lan() {
  const known = new Map<string, readonly Endpoint[]>()
  const events = new Events<{ change: string }>()
  let listeners = 0
  const technique = localAmong({
    of: peer => known.get(peer) ?? [],
    onChange: listener => {
      const off = events.on('change', listener)
      listeners++
      return () => {
        listeners--
        off()
      }
    }
  })
  const hear = (peer: string, endpoints: readonly Endpoint[]) => {
    known.set(peer, endpoints)
    events.emit('change', peer)
  }
  return { technique, hear, listeners: () => listeners }
}

describe('local, with neighbours', () => {
  it('fits a neighbour whose public address is another one, and else as without', () => {
    const { technique, hear } = lan()
    assert.deepEqual(technique.fits(HERE, THERE, 'bob'), { fits: false, why: 'other-network' })
    hear('bob', [BOB])
    assert.deepEqual(technique.fits(HERE, THERE, 'bob'), { fits: true, why: 'by-local-address' })
    assert.deepEqual(technique.fits(HERE, THERE, 'carol'), { fits: false, why: 'other-network' })
    assert.deepEqual(technique.fits(HERE, HERE, 'carol'), local.fits(HERE, HERE))
  })

  it('tells where the peer is, as soon as it is heard, as long as the attempt lasts', async () => {
    const { technique, hear, listeners } = lan()
    const ending = new AbortController()
    const targets: Endpoint[] = []
    const context = {
      on: 'link',
      peer: 'bob',
      signal: ending.signal,
      addTarget: (to: Endpoint) => targets.push(to),
      checkPairs: async () => ({ outcome: 'ok', reason: 'connected' })
    } as unknown as AttemptContext
    hear('bob', [BOB])
    assert.equal((await technique.attempt(context)).outcome, 'ok')
    hear('carol', [{ ...BOB, port: 1 }])
    hear('bob', [{ ...BOB, port: 2 }])
    ending.abort()
    hear('bob', [{ ...BOB, port: 3 }])
    assert.deepEqual(
      targets.map(({ port }) => port),
      [4001, 2]
    )
    assert.equal(listeners(), 0)
    await technique.attempt(context)
    assert.equal(listeners(), 0)
  })
})
