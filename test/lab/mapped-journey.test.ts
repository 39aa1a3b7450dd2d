import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { preset } from '../../lab/presets.ts'
import { lines } from '../cli/beeline.ts'
import { journey } from './journey.ts'
import { Miniupnpd, type MiniupnpdOptions, NO_MINIUPNPD } from './miniupnpd.ts'

const link = { delayMs: 10 }
const LIMIT = { timeout: 90_000 }

/** What alice's router offers, and by what she comes to use it. */
const ROWS: ReadonlyArray<readonly [string, MiniupnpdOptions, string]> = [
  ['PCP and UPnP', {}, 'pcp'],
  ['UPnP IGD 2', { natPmp: false }, 'upnp'],
  ['UPnP IGD 1', { natPmp: false, version1: true }, 'upnp']
]

// two NATs that give each destination another port: nobody punches those
describe('a peer behind an impossible NAT whose router maps ports', { skip: NO_MINIUPNPD }, () => {
  for (const [what, options, by] of ROWS) {
    it(`${what}: is reached from outside, and leaves nothing behind`, LIMIT, async t => {
      const routers: Miniupnpd[] = []
      const { up, alice, bob, hubAddress, lab } = await journey(
        t,
        preset('hard-hard', { link }),
        ['quic'],
        [],
        async lab => {
          routers.push(await Miniupnpd.start(lab, 'natA', options))
        }
      )
      const [router] = routers
      t.after(() => router![Symbol.asyncDispose]())
      const mapped = (await up.event(({ event, protocol }) => event === 'mapped' && protocol === 'udp')) as {
        by?: string
        external?: string
      }
      assert.equal(mapped.by, by)
      assert.match(mapped.external ?? '', new RegExp(`^${lab.host('natA').ip.replaceAll('.', '\\.')}:\\d+$`))
      await up.event(({ event, ip4 }) => event === 'reachability' && ip4 === 'public')
      const { code, stdout } = await bob('ping', alice, '--hub', hubAddress, '--until', 'direct', '--deadline', '30')
      const told = lines(stdout)
      const summary = told.at(-1) as { direct?: boolean }
      assert.deepEqual([code, summary.direct], [0, true], stdout)
      const pong = told.findLast(({ event }) => event === 'pong') as { remote?: string }
      assert.equal(pong.remote, mapped.external)
      assert.equal((await router!.mappings()).length, 2, 'UDP and TCP')
      await up.interrupt()
      assert.deepEqual(await router!.mappings(), [])
    })
  }
})
