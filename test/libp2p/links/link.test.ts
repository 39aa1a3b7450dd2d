import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { pump, Stage, untilPath } from './stage.ts'

describe('a link', () => {
  it('is one connection: a stream that was opened over the relay goes on over the direct path', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub])
    const bob = await stage.node([hub])
    const link = await bob.connect(alice.id)
    let direct = 0
    const sent = await pump(link, () => link.path?.kind === 'direct' && ++direct === 50)
    assert.ok(sent >= 50)
    assert.equal(link.session?.connection?.multiplexer, '/beeline/link/1.0.0')
    // this machine has several addresses: a still better one may follow
    const [first, ...others] = link.history
    assert.deepEqual([first?.kind, first?.reason], ['relay', 'first'])
    assert.ok(others.length > 0 && others.every(({ kind }) => kind === 'direct'), JSON.stringify(others))
    assert.equal(others[0]?.reason, 'validated')
  })

  it('carries bytes over the relay where no technique is allowed', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub], { techniques: [] })
    const bob = await stage.node([hub], { techniques: [] })
    const link = await bob.connect(alice.id)
    let blocks = 0
    await pump(link, () => ++blocks === 200)
    assert.equal(link.path?.kind, 'relay')
    assert.ok(link.session != null)
  })

  it('goes on over another hub when the one that it is at goes', async () => {
    await using stage = new Stage()
    const hubs = [await stage.hub(), await stage.hub()]
    const alice = await stage.echo(hubs, { techniques: [] })
    const bob = await stage.node(hubs, { techniques: [] })
    const link = await bob.connect(alice.id)
    const first = hubs.find(({ id }) => link.session?.relays.includes(id))!
    const before = link.path?.remote
    let blocks = 0
    await pump(link, () => {
      if (++blocks === 20) void first.stop()
      return link.path != null && link.path.remote !== before && blocks > 40
    })
    assert.equal(link.path?.kind, 'relay')
    await untilPath(link, 'relay')
  })

  it('ends when the other side closes it, on both sides', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub])
    const bob = await stage.node([hub])
    const theirs = Promise.withResolvers<void>()
    alice.events.on('link', link => link.events.on('close', () => theirs.resolve()))
    const link = await bob.connect(alice.id)
    await untilPath(link, 'direct')
    // before the first answer the other side may not know of it yet
    await pump(link, () => true)
    await link.close()
    await theirs.promise
    assert.equal(link.path, undefined)
  })
})

describe('two nodes that connect to each other at once', () => {
  it('use one and the same link', async () => {
    await using stage = new Stage()
    const hub = await stage.hub()
    const alice = await stage.echo([hub])
    const bob = await stage.echo([hub])
    const [toAlice, toBob] = await Promise.all([bob.connect(alice.id), alice.connect(bob.id)])
    const dialler = alice.id < bob.id ? toBob : toAlice
    await Promise.all([pump(toAlice, () => true), pump(toBob, () => true)])
    const left = () => [toAlice, toBob].map(({ session }) => session?.role)
    const expected = dialler === toAlice ? ['controlling', 'controlled'] : ['controlled', 'controlling']
    const deadlineMs = performance.now() + 10_000
    while (performance.now() < deadlineMs && left().join() !== expected.join()) await setTimeout(50)
    assert.deepEqual(left(), expected)
    await Promise.all([pump(toAlice, () => true), pump(toBob, () => true)])
  })
})
