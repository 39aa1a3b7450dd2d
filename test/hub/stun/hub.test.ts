import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before, describe } from 'node:test'
import { NatError } from '../../../src/core/errors.ts'
import { type Hub, startHub } from '../../../src/hub/index.ts'
import { encodeStun } from '../../../src/wire/stun/index.ts'
import { sampleMessage } from '../../wire/stun/samples.ts'
import { ask, told } from './ask.ts'

const [A, B] = ['127.0.0.1', '127.0.0.2'] as const

describe("a hub's STUN server", () => {
  let folder: string
  let hub: Hub
  let stunPort: number
  let quicPort: number

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'beeline-hub-'))
    hub = await startHub({ hosts: [A, B], port: 0, httpPort: 0, stunPort: 0, dataDir: folder })
    stunPort = Number(hub.stun[0]!.split(':')[1])
    quicPort = Number(/udp\/(\d+)/.exec(hub.addrs[0]!)![1])
  })
  after(async () => {
    await hub.stop()
    await rm(folder, { recursive: true })
  })

  test('it says where it is', () => {
    assert.deepEqual(hub.stun, [`${A}:${stunPort}`, `${B}:${stunPort}`])
    assert.deepEqual(hub.stuns, [])
  })

  test('the port of QUIC answers too, and is the alternate of the other', async () => {
    const { outcome, local } = await ask({ address: A, port: quicPort })
    assert.ok(outcome.type === 'answered')
    assert.deepEqual(told(outcome.response, 'XOR-MAPPED-ADDRESS'), local)
    assert.deepEqual(told(outcome.response, 'RESPONSE-ORIGIN'), { address: A, port: quicPort })
    assert.deepEqual(told(outcome.response, 'OTHER-ADDRESS'), { address: B, port: stunPort })
  })

  for (const [from, ip, port, answeredBy] of [
    ['stun', true, true, 'quic'],
    ['stun', false, true, 'quic'],
    ['stun', true, false, 'stun'],
    ['quic', true, true, 'stun'],
    ['quic', false, true, 'stun'],
    ['quic', true, false, 'quic']
  ] as const) {
    test(`asked at the ${from} port for another${ip ? ' address' : ''}${port ? ' port' : ''}: the ${answeredBy} port`, async () => {
      const ports = { stun: stunPort, quic: quicPort }
      const wanted = { address: ip ? B : A, port: ports[answeredBy] }
      const { outcome } = await ask(
        { address: A, port: ports[from] },
        [{ type: 'CHANGE-REQUEST', changeIp: ip, changePort: port }],
        { source: source => source.address === wanted.address && source.port === wanted.port }
      )
      assert.equal(outcome.type, 'answered')
    })
  }

  test("a client of others, without a fingerprint, is answered at QUIC's port", async () => {
    const { outcome } = await ask({ address: A, port: quicPort }, [], { request: encodeStun(sampleMessage()) })
    assert.equal(outcome.type, 'answered')
  })

  test('a hub that cannot have its STUN port does not start, and leaves nothing', async () => {
    const again = startHub({ hosts: [A], port: 0, httpPort: 0, stunPort, dataDir: folder, store: 'memory:' })
    await assert.rejects(again, error => error instanceof NatError && error.code === 'PORT_TAKEN')
  })
})

test('announced addresses are told, in place of those listened on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-hub-'))
  const announce = ['203.0.113.1', '203.0.113.2']
  const hub = await startHub({ hosts: [A, B], announce, port: 0, httpPort: 0, stunPort: 0, dataDir: folder })
  try {
    const [first] = hub.stun
    const port = Number(first!.split(':')[1])
    assert.equal(first, `203.0.113.1:${port}`)
    const { outcome } = await ask({ address: A, port })
    assert.ok(outcome.type === 'answered')
    assert.deepEqual(told(outcome.response, 'RESPONSE-ORIGIN'), { address: '203.0.113.1', port })
    assert.equal(told(outcome.response, 'OTHER-ADDRESS')?.address, '203.0.113.2')
  } finally {
    await hub.stop()
    await rm(folder, { recursive: true })
  }
})
