import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Lab, openLab } from '../../lab/lab.ts'
import { type PresetName, preset } from '../../lab/presets.ts'
import type { PathCandidate } from '../../src/wire/path.ts'
import type { TcpRole } from '../../src/wire/tcp-proof.ts'
import { Program } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'

const HERE = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const PORT = 7

class Peer {
  readonly #program: Program
  #events = 0
  readonly seen: Promise<PathCandidate>

  constructor(lab: Lab, host: string, role: TcpRole) {
    const argv = [process.execPath, HERE('raw-punch-program.ts'), role, lab.host('hub').ip, `${PORT}`]
    this.#program = new Program(lab.spawn(host, argv, { stdio: 'pipe' }))
    this.seen = this.next('seen').then(({ seen }) => {
      const [address = '', port] = String(seen).split(':')
      return { kind: 'observed', transport: 'tcp', address, port: Number(port) }
    })
  }

  tell(what: object): void {
    this.#program.child.stdin!.write(`${JSON.stringify(what)}\n`)
  }

  /** The next event that has this, after the last one that was asked for. */
  async next(key: string): Promise<Record<string, unknown>> {
    const event = await this.#program.event(each => key in each && this.#program.events.indexOf(each) >= this.#events)
    this.#events = this.#program.events.indexOf(event) + 1
    return event
  }
}

async function setUp(t: TestContext, name: PresetName, delayMs: number) {
  const lab = await openLab(preset(name, { link: { delayMs } }))
  t.after(() => lab.close())
  const echo = lab.spawn('hub', [process.execPath, HERE('tcp-program.ts'), 'listen', `${PORT}`], { stdio: 'pipe' })
  await new Promise(resolve => echo.stdout!.once('data', resolve))
  const [alice, bob] = [new Peer(lab, 'alice', 'server'), new Peer(lab, 'bob', 'client')]
  const [aliceAt, bobAt] = await Promise.all([alice.seen, bob.seen])
  const punch = async (timeoutMs?: number) => {
    alice.tell({ candidates: [bobAt], text: 'from alice', timeoutMs })
    bob.tell({ candidates: [aliceAt], text: 'from bob', timeoutMs })
    return await Promise.all([alice.next('ok'), bob.next('ok')])
  }
  return { lab, alice, bob, aliceAt, bobAt, punch }
}

const textOf = ({ address, port }: PathCandidate) => `${address}:${port}`

describe('a TCP connection that both sides make at once, without libp2p', { skip: NO_LAB }, () => {
  for (const [name, delayMs] of [
    ['easy-easy', 10],
    ['firewall', 10],
    ['double-nat', 10],
    ['resetting', 10],
    ['open', 40]
  ] as const) {
    it(`${name}: both have it, and it carries datagrams both ways`, async t => {
      const { alice, bob, aliceAt, bobAt, punch } = await setUp(t, name, delayMs)
      const [a, b] = await punch()
      assert.deepEqual([a['remote'], b['remote']], [textOf(bobAt), textOf(aliceAt)], JSON.stringify([a, b]))
      assert.equal((await alice.next('heard'))['heard'], 'from bob')
      assert.equal((await bob.next('heard'))['heard'], 'from alice')
      t.diagnostic(`${a['ms']} and ${b['ms']} ms`)
    })
  }

  it('easy-hard: nobody answers, on either side, within the time', async t => {
    const { punch } = await setUp(t, 'easy-hard', 10)
    const ended = await punch(1_500)
    assert.deepEqual(
      ended.map(({ reason }) => reason),
      ['no-answer', 'no-answer']
    )
  })

  it('easy-easy: again on the same ports, once the first connection was closed', async t => {
    const { alice, bob, punch } = await setUp(t, 'easy-easy', 10)
    await punch()
    bob.tell({})
    await alice.next('gone')
    const again = await punch()
    t.diagnostic(JSON.stringify(again))
    assert.deepEqual(
      again.map(({ ok }) => ok),
      [true, true]
    )
  })
})
