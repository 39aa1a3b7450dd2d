import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../lab/lab.ts'
import type { LabSpec } from '../../lab/spec.ts'
import { Program } from '../cli/beeline.ts'
import { NO_LAB, NO_SIM_ROUTER } from './available.ts'
import { journey } from './journey.ts'

const PROGRAM = fileURLToPath(new URL('network-program.ts', import.meta.url))
const link = { delayMs: 10 }
const SPEC: LabSpec = {
  hub: {},
  natA: { mapping: 'endpoint-independent', link },
  natB: { mapping: 'endpoint-independent', link },
  alice: { behind: 'natA' },
  carol: { behind: 'natA' },
  bob: { link }
}

/** As a DHCP client does it that gets another lease. */
const RENUMBER = `ip address flush dev eth0
ip address add 192.168.2.77/24 dev eth0
ip route add default via 192.168.2.1`

const CHANGES: ReadonlyArray<readonly [what: string, change: (lab: Lab) => Promise<unknown>]> = [
  ['gets another address', lab => lab.exec('carol', ['sh', '-ec', RENUMBER])],
  ['moves to another network', lab => lab.move('carol', 'natB')]
]

describe('a peer whose network changes', { skip: NO_LAB }, () => {
  for (const [what, change] of CHANGES) {
    it(`${what}: it is at its hub again, without having noticed that the old connection is dead`, {
      timeout: 60_000
    }, async t => {
      const { lab, start, hubAddress } = await journey(t, SPEC)
      const carol = new Program(lab.spawn('carol', [process.execPath, PROGRAM, hubAddress], { stdio: 'pipe' }))
      const { id } = await carol.event(({ event }) => event === 'ready')
      const before = carol.events.length
      await change(lab)
      const changedMs = Date.now()
      const since = (fits: (event: string) => boolean) =>
        carol.event(each => carol.events.indexOf(each) >= before && fits(each.event)) as Promise<unknown> as Promise<{
          atMs: number
          held: boolean
        }>
      const noticed = await since(event => event === 'network')
      const reserved = await since(event => event === 'reservation')
      assert.equal(reserved.held, true, 'there was one all the time')
      t.diagnostic(
        `noticed ${noticed.atMs - changedMs} ms after the change, reserved after ${reserved.atMs - changedMs} ms`
      )
      const { stdout, stderr } = await start('bob', 'ping', String(id), '--hub', hubAddress, '--count', '1').ended
      assert.match(stdout, /"connected":true/, stderr)
    })
  }

  it('its NAT restarts: it is at its hub again, by another mapping', {
    skip: NO_SIM_ROUTER,
    timeout: 60_000
  }, async t => {
    const natA = { mapping: 'endpoint-independent', engine: 'sim', allocation: 'random', link } as const
    const { lab, start, hubAddress } = await journey(t, { hub: {}, natA, alice: { behind: 'natA' }, bob: { link } })
    const carol = new Program(lab.spawn('alice', [process.execPath, PROGRAM, hubAddress], { stdio: 'pipe' }))
    const { id } = await carol.event(({ event }) => event === 'ready')
    await lab.flushNat('natA')
    const flushedMs = Date.now()
    const reserved = await carol.event(
      each => each.event === 'reservation' && each['held'] === true && Number(each['atMs']) > flushedMs
    )
    t.diagnostic(`reserved again ${Number(reserved['atMs']) - flushedMs} ms after the restart`)
    const { stdout, stderr } = await start('bob', 'ping', String(id), '--hub', hubAddress, '--count', '1').ended
    assert.match(stdout, /"connected":true/, stderr)
  })
})
