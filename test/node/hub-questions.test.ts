import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { VirtualClock } from '../../src/core/clock.ts'
import { ASK_AGAIN_MS, HubQuestions } from '../../src/node/hub-questions.ts'

const HUBS = ['192.0.2.1', '192.0.2.2'].map(ip => multiaddr(`/ip4/${ip}/udp/4001/quic-v1`))
/** How long a hub that is asked in vain is waited for. */
const SILENT_MS = 1_000
const [FIRST_MS, SECOND_MS, THIRD_MS, LAST_MS] = ASK_AGAIN_MS

/** A node between hubs that see it at a port, or, without one, do not answer. */
function stage(hubs = HUBS) {
  const clock = new VirtualClock()
  const net = { port: undefined as number | undefined }
  const askedMs: number[] = []
  const told: string[] = []
  const questions = new HubQuestions({
    clock,
    ask: async onAnswer => {
      askedMs.push(clock.now())
      const { port } = net
      if (port == null && hubs.length > 0) {
        await new Promise<void>(resolve => clock.after(SILENT_MS, resolve))
        return hubs.map(hub => ({ hub, seen: undefined }))
      }
      const answers = hubs.map(hub => ({ hub, seen: { address: '198.51.100.7', port: port! } }))
      for (const answer of answers) onAnswer(answer)
      return answers
    },
    onMoved: ({ hub }) => told.push(`moved ${hub}`),
    onBack: () => told.push('back')
  })
  return { clock, net, askedMs, told, questions }
}

describe('while no hub answers over UDP', () => {
  it('they are asked again, ever more rarely, until one does', async () => {
    const { clock, net, askedMs, told, questions } = stage()
    void questions.ask()
    await clock.advance(3_600_000)
    const pauses = askedMs.slice(1).map((atMs, index) => atMs - askedMs[index]! - SILENT_MS)
    assert.deepEqual(pauses.slice(0, 5), [FIRST_MS, SECOND_MS, THIRD_MS, LAST_MS, LAST_MS])
    assert.deepEqual(told, [])
    net.port = 5_000
    await clock.advance(LAST_MS! + SILENT_MS)
    assert.deepEqual(told, ['back'])
    assert.equal(clock.pending, 0)
    const { length } = askedMs
    await clock.advance(3_600_000)
    assert.equal(askedMs.length, length, 'who answers is not asked again')
  })

  it('another network begins with the first pause', async () => {
    const { clock, askedMs, questions } = stage()
    void questions.ask()
    await clock.advance(600_000)
    questions.forget()
    const { length } = askedMs
    void questions.ask()
    await clock.advance(SILENT_MS + FIRST_MS!)
    assert.equal(askedMs.length, length + 2)
  })

  it('nobody is asked any more when it is over', async () => {
    const { clock, askedMs, questions } = stage()
    void questions.ask()
    await clock.advance(SILENT_MS / 2)
    questions.stop()
    await clock.advance(3_600_000)
    assert.equal(askedMs.length, 1)
    assert.equal(clock.pending, 0)
  })

  it('but where there is nobody to ask, nobody is', async () => {
    const { clock, askedMs, questions } = stage([])
    assert.deepEqual(await questions.ask(), [])
    await clock.advance(3_600_000)
    assert.equal(askedMs.length, 1)
  })
})

describe('hubs that answered before', () => {
  it('are lost when none does any more: that is told once', async () => {
    const { clock, net, told, questions } = stage()
    net.port = 5_000
    await questions.ask()
    net.port = undefined
    const lost = questions.areLost()
    await clock.advance(SILENT_MS)
    assert.equal(await lost, true)
    const again = questions.areLost()
    await clock.advance(SILENT_MS)
    assert.equal(await again, false)
    net.port = 5_001
    await clock.advance(FIRST_MS!)
    assert.deepEqual(told, ['back'], 'where they saw us before means nothing then')
  })

  it('see us elsewhere: each of them tells', async () => {
    const { net, told, questions } = stage()
    net.port = 5_000
    await questions.ask()
    await questions.ask()
    assert.deepEqual(told, [])
    net.port = 5_001
    await questions.ask()
    assert.deepEqual(
      told,
      HUBS.map(hub => `moved ${hub}`)
    )
  })

  it('are looked after once a second at most', async () => {
    const { clock, questions } = stage()
    assert.deepEqual([questions.due(), questions.due()], [true, false])
    await clock.advance(1_000)
    assert.equal(questions.due(), true)
  })
})
