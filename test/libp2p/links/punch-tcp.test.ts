import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Link } from '../../../src/node/link.ts'
import { pump, Stage } from './stage.ts'

const tcpOnly = { techniques: ['punch-tcp'] } as const

const isOverTcp = ({ path }: Link) => path?.kind === 'direct' && path.transport === 'tcp'

/** The TCP connection that the link's packets go by is lost. */
function breakTcp({ session }: Link): void {
  const known = session!.paths().find(({ path, transport }) => path.kind === 'pipe' && transport === 'tcp')
  assert.ok(known?.path.kind === 'pipe')
  session!.broken(known.path.pipe, 'the test breaks it')
}

describe('a link over TCP', () => {
  it('goes there from the relay, by a listener of either side, and no stream notices', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub], tcpOnly)
    const bob = await stage.node([hub], tcpOnly)
    const link = await bob.connect(alice.id)
    let blocks = 0
    await pump(link, () => isOverTcp(link) && ++blocks === 100)
    assert.deepEqual(
      link.history.map(({ kind, technique }) => [kind, technique]),
      [
        ['relay', 'relay'],
        ['direct', 'punch-tcp']
      ]
    )
    const attempts = link.attempts.filter(({ technique }) => technique === 'punch-tcp')
    const { outcome, reason } = attempts.at(-1)!
    assert.deepEqual([outcome, reason], ['ok', 'connected'])
  })

  it('is back at the relay when the connection is lost, and over TCP again later', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub], tcpOnly)
    const bob = await stage.node([hub], tcpOnly)
    const link = await bob.connect(alice.id)
    const steps = ['tcp', 'relay', 'tcp again'] as const
    let step: (typeof steps)[number] | 'done' = 'tcp'
    await pump(link, () => {
      if (step === 'tcp' && isOverTcp(link)) {
        breakTcp(link)
        step = 'relay'
      } else if (step === 'relay' && link.path?.kind === 'relay') step = 'tcp again'
      else if (step === 'tcp again' && isOverTcp(link)) step = 'done'
      return step === 'done'
    })
    assert.deepEqual(
      link.history.map(({ kind, reason }) => [kind, reason]),
      [
        ['relay', 'first'],
        ['direct', 'validated'],
        ['relay', 'gone'],
        ['direct', 'validated']
      ]
    )
  })

  it('where one side may not, the other is told that nobody answers, and does not wait longer', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub], { techniques: [] })
    const bob = await stage.node([hub], tcpOnly)
    await assert.rejects(bob.connect(alice.id, { until: 'direct' }), {
      code: 'STILL_RELAYED',
      message: /punch-tcp: silent/
    })
  })
})
