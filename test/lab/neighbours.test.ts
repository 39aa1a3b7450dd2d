import assert from 'node:assert/strict'
import { it } from 'node:test'
import { lines } from '../cli/beeline.ts'
import { NO_LAB } from './available.ts'
import { journey } from './journey.ts'

const SECOND = '11.2.0.99'

it('two peers in one LAN, who leave it by different addresses, and whose NAT turns nothing around, find each other by multicast DNS', {
  skip: NO_LAB
}, async t => {
  const { lab, alice, bob, hubAddress } = await journey(
    t,
    {
      hub: {},
      natA: { mapping: 'endpoint-independent', link: { delayMs: 20 } },
      alice: { behind: 'natA' },
      bob: { behind: 'natA' }
    },
    ['quic'],
    [],
    async lab => {
      const run = async (...argv: string[]) => {
        const { code, stderr } = await lab.exec('natA', argv)
        assert.equal(code, 0, stderr)
      }
      await run('ip', 'address', 'add', `${SECOND}/24`, 'dev', 'wan')
      const leaves = `oifname wan ip saddr ${lab.host('bob').ip} snat to ${SECOND}`
      await run('nft', `insert rule ip nat postrouting ${leaves}`)
    }
  )
  const { stdout } = await bob('ping', alice, '--hub', hubAddress, '--until', 'direct', '--deadline', '15')
  const said = lines(stdout)
  const { direct, technique } = said.at(-1)!
  assert.deepEqual([direct, technique], [true, 'local'])
  const [host] = String(said.find(({ event, path }) => event === 'pong' && path === 'direct')?.['remote']).split(':')
  assert.equal(host, lab.host('alice').ip)
})
