import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lab, LinkSpec } from '../../lab/lab.ts'
import { openLab } from '../../lab/lab.ts'
import { NO_LAB } from './available.ts'
import { UdpPeer } from './udp-peer.ts'

/** Pings in quick succession. @returns the round trips, in ms, in order of arrival, and their sequence numbers */
async function ping(lab: Lab, host: string, to: string, count: number, intervalMs: number) {
  const program = `
    const socket = require('dgram').createSocket('udp4')
    const sentAt = [], rtts = [], order = []
    const end = () => { console.log(JSON.stringify({ rtts, order })); process.exit() }
    socket.on('message', bytes => {
      const seq = Number(bytes.toString().split(' ').at(-1))
      rtts.push(performance.now() - sentAt[seq]); order.push(seq)
      if (order.length === ${count}) end()
    })
    const send = () => {
      sentAt.push(performance.now())
      socket.send('who? ' + (sentAt.length - 1), 4001, '${to}')
      if (sentAt.length < ${count}) setTimeout(send, ${intervalMs})
      else setTimeout(end, 500)
    }
    socket.bind(0, send)`
  const { stdout, stderr } = await lab.exec(host, [process.execPath, '-e', program])
  assert.equal(stderr, '')
  return JSON.parse(stdout) as { rtts: number[]; order: number[] }
}

async function labWith(link: LinkSpec, seed = 1): Promise<Lab> {
  const lab = await openLab({ hub: {}, alice: { link } }, { seed })
  await UdpPeer.open(lab, 'hub', 4001)
  return lab
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!

describe('shaped links', { skip: NO_LAB }, () => {
  test('delay every packet by as much as they say, the first one too, and keep order', async () => {
    await using lab = await labWith({ delayMs: 20 })
    const { rtts, order } = await ping(lab, 'alice', lab.host('hub').ip, 60, 5)
    assert.equal(rtts.length, 60)
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b)
    )
    // never early: two times 20 ms; late only by what two programs need on a busy machine
    assert.ok(Math.min(...rtts) >= 40, `fastest ${Math.min(...rtts)}`)
    assert.ok(median(rtts) < 44, `median ${median(rtts)}`)
    // ARP would have cost the first one another 40 ms
    assert.ok(rtts[0]! < 75, `first ${rtts[0]}`)
  })

  test('jitter within its bounds, both ways', async () => {
    await using lab = await labWith({ delayMs: 20, jitterMs: 10 })
    const { rtts } = await ping(lab, 'alice', lab.host('hub').ip, 100, 2)
    assert.ok(Math.min(...rtts) >= 20 && Math.min(...rtts) < 36, `fastest ${Math.min(...rtts)}`)
    assert.ok(Math.max(...rtts) > 44 && Math.max(...rtts) < 90, `slowest ${Math.max(...rtts)}`)
  })

  test('lose the given share, the same packets with the same seed', async () => {
    const runs = await Promise.all(
      [7, 7, 8].map(async seed => {
        await using lab = await labWith({ lossPercent: 10 }, seed)
        return (await ping(lab, 'alice', lab.host('hub').ip, 400, 1)).order
      })
    )
    // lost one way or the other: 19 % of 400 are 76; 5 standard deviations are 39
    for (const order of runs) assert.ok(Math.abs(400 - order.length - 76) < 40, `${400 - order.length} lost`)
    assert.deepEqual(runs[0], runs[1])
    assert.notDeepEqual(runs[0], runs[2])
  })

  test('can be changed while they carry', async () => {
    await using lab = await labWith({})
    const hub = lab.host('hub').ip
    assert.ok(median((await ping(lab, 'alice', hub, 20, 2)).rtts) < 5)
    await lab.setLink('alice', { delayMs: 30 })
    assert.ok(Math.min(...(await ping(lab, 'alice', hub, 20, 2)).rtts) >= 60)
    await lab.setLink('alice', { lossPercent: 100 })
    assert.deepEqual((await ping(lab, 'alice', hub, 5, 2)).order, [])
    await lab.setLink('alice', {})
    assert.equal((await ping(lab, 'alice', hub, 20, 2)).order.length, 20)
    await assert.rejects(lab.setLink('hub', {}), /the link of 'hub' is not shaped/)
    await assert.rejects(lab.setLink('alice', { delayMs: -1 }), /delayMs is 0 to/)
  })

  test('carry TCP as fast as the rate says, and 30 MB of it in a moment without one', async () => {
    await using lab = await labWith({ delayMs: 5 })
    const hub = lab.host('hub').ip
    const server = lab.spawn('hub', [process.execPath, '-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise(resolve => server.stdout!.once('data', resolve))
    const fast = await upload(lab, hub, 30)
    assert.ok(fast > 5, `${fast} MB/s`)
    await lab.setLink('alice', { delayMs: 5, rateMbit: 40 })
    const slow = await upload(lab, hub, 3)
    assert.ok(slow > 1 && slow < 5.5, `${slow} MB/s`)
  })
})

describe('cut links', { skip: NO_LAB }, () => {
  for (const behind of [undefined, 'nat'] as const) {
    test(`down and up again, ${behind ? 'behind a router' : 'on the internet'}`, async () => {
      await using lab = await openLab({
        hub: {},
        nat: { mapping: 'endpoint-independent' },
        alice: { ...(behind && { behind }) }
      })
      const hub = lab.host('hub').ip
      await UdpPeer.open(lab, 'hub', 4001)
      const alice = await UdpPeer.open(lab, 'alice')
      assert.ok(await alice.seenBy(hub, 4001))
      await lab.down('alice')
      await lab.down('alice')
      assert.equal(await alice.seenBy(hub, 4001, 250), undefined)
      await lab.up('alice')
      assert.ok(await alice.seenBy(hub, 4001))
      // no error on its socket at any time: its interface stayed up
      assert.equal(alice.received.filter(({ text }) => text.startsWith('error')).length, 0)
    })
  }
})

const SINK = `
  require('net').createServer({ allowHalfOpen: true }, socket => {
    socket.resume().on('end', () => socket.end('done'))
  }).listen(5000, () => console.log('up'))`

/** @returns MB/s, until the other side has read all of it */
async function upload(lab: Lab, to: string, mb: number): Promise<number> {
  const program = `
    const begun = performance.now()
    const socket = require('net').connect(5000, '${to}', () => socket.end(Buffer.alloc(${mb}e6)))
    socket.resume().on('end', () => console.log(${mb} / (performance.now() - begun) * 1000))`
  const { stdout } = await lab.exec('alice', [process.execPath, '-e', program])
  return Number(stdout)
}
