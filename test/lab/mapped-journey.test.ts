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
      const mapped = new Map<string, string>()
      for (const protocol of ['udp', 'tcp']) {
        const told = await up.event(each => each.event === 'mapped' && each['protocol'] === protocol)
        assert.equal(told['by'], by)
        mapped.set(protocol, String(told['external']))
      }
      await up.event(({ event, ip4 }) => event === 'reachability' && ip4 === 'public')
      const { code, stdout } = await bob('ping', alice, '--hub', hubAddress, '--until', 'direct', '--deadline', '30')
      const told = lines(stdout)
      const summary = told.at(-1) as { direct?: boolean }
      assert.deepEqual([code, summary.direct], [0, true], stdout)
      const pong = told.findLast(({ event }) => event === 'pong') as { transport?: string; remote?: string }
      assert.equal(pong.remote, mapped.get(pong.transport === 'quic' ? 'udp' : 'tcp'))
      assert.ok(pong.remote?.startsWith(`${lab.host('natA').ip}:`))
      assert.equal((await router!.mappings()).length, 2, 'UDP and TCP')
      await up.interrupt()
      assert.deepEqual(await router!.mappings(), [])
    })
  }
})
