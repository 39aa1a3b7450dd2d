import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type PresetName, preset } from '../../lab/presets.ts'
import { NO_LAB } from './available.ts'
import { type HubTransport, journey } from './journey.ts'

/** One way, from a site to the internet. */
const link = { delayMs: 10 }
/**
 * Where routers take unsolicited packets for themselves, both sides' first packets must be under way at the same time (README, what is
 * not supported). A stall of the machine has to fit into that time.
 */
const FAR = { delayMs: 40 }

interface Row {
  readonly lab: PresetName
  /** By which transports the two reach the hub. */
  readonly hub?: readonly HubTransport[]
  readonly link?: { readonly delayMs: number }
  /** What both may try; else the first that works wins, which is mostly QUIC. */
  readonly only?: 'punch-quic' | 'punch-tcp'
  readonly code: number
  /** Where the last pong came from. */
  readonly path: string
}

const ALL: readonly HubTransport[] = ['quic', 'tcp', 'ws']
const QUIC = 'punch-quic'
const TCP = 'punch-tcp'

/** Bob pings alice, `--until direct`: what is there in the end. */
const ROWS: readonly Row[] = [
  { lab: 'easy-easy', code: 0, path: 'direct 11.2.0.10' },
  { lab: 'easy-easy', only: QUIC, hub: ['tcp'], code: 0, path: 'direct 11.2.0.10' },
  { lab: 'easy-easy', only: QUIC, hub: ['ws'], code: 0, path: 'direct 11.2.0.10' },
  { lab: 'easy-easy', only: TCP, hub: ['quic'], code: 0, path: 'direct 11.2.0.10' },
  { lab: 'public-easy', code: 0, path: 'direct 11.3.0.10' },
  { lab: 'firewall', only: QUIC, code: 0, path: 'direct 11.2.1.10' },
  { lab: 'firewall', only: TCP, code: 0, path: 'direct 11.2.1.10' },
  { lab: 'double-nat', only: QUIC, code: 0, path: 'direct 11.2.0.10' },
  { lab: 'double-nat', only: TCP, code: 0, path: 'direct 11.2.0.10' },
  // their NAT does not hairpin: by the private addresses that identify tells
  { lab: 'same-nat', code: 0, path: 'direct 192.168.2.10' },
  { lab: 'same-carrier', code: 0, path: 'direct 11.2.0.10' },
  { lab: 'open', link: FAR, only: QUIC, code: 0, path: 'direct 11.2.0.10' },
  { lab: 'open', link: FAR, only: TCP, code: 0, path: 'direct 11.2.0.10' },
  { lab: 'resetting', only: TCP, code: 0, path: 'direct 11.2.0.10' },
  { lab: 'udp-blocked', code: 0, path: 'direct 11.2.0.10' },
  { lab: 'udp-blocked', only: QUIC, code: 3, path: 'relay 11.1.0.10' },
  { lab: 'easy-hard', code: 0, path: 'direct 11.2.0.10' },
  { lab: 'hard-hard', code: 3, path: 'relay 11.1.0.10' }
]

describe('two peers behind kernel NATs, from the command line', { skip: NO_LAB }, () => {
  for (const { lab, hub = ALL, link: way = link, only, code, path } of ROWS) {
    const tried = only == null ? [] : ['--only', only]
    it(`${lab}, by a hub reached over ${hub.join(', ')}${only == null ? '' : `, ${only} only`}: ${path}`, async t => {
      const { bob, alice, hubAddress } = await journey(t, preset(lab, { link: way }), hub, tried)
      const args = ['ping', alice, '--hub', hubAddress, '--until', 'direct', '--deadline', '20', ...tried]
      const ended = await bob(...args)
      const events = ended.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      const summary = events.at(-1)
      const last = events.findLast(({ event }) => event === 'pong')
      assert.equal(events[0].path, 'relay', 'the first byte goes over the relay')
      const host = last.remote.split(':')[0]
      assert.deepEqual({ code: ended.code, path: `${last.path} ${host}` }, { code, path }, ended.stdout + ended.stderr)
      if (only != null && code === 0) assert.equal(summary.technique, only)
      // whatever did not work says why
      if (code === 3) {
        assert.equal(summary.technique, 'relay')
        assert.notEqual(summary.attempts.length, 0)
      }
    })
  }
})

const FOR_LONG = ['--until', 'direct', '--count', '500', '--interval', '0.1']
const isDirect = (event: Record<string, unknown>) => event['path'] === 'direct' && event['event'] === 'pong'

describe('what happens to a direct link', { skip: NO_LAB }, () => {
  it('it lives on when the hub has gone, and 100 MB go through both NATs', async t => {
    const { bob, start, up, alice, hub, hubAddress } = await journey(t, preset('easy-easy', { link }))
    const perf = await bob('perf', alice, '--hub', hubAddress, '--mb', '100', '--until', 'direct', '--only', QUIC)
    assert.equal(perf.code, 0, perf.stderr)
    const { path, transport, MBps } = JSON.parse(perf.stdout)
    assert.deepEqual([path, transport], ['direct', 'quic'])
    t.diagnostic(`${MBps} MB/s`)

    const ping = start('bob', 'ping', alice, '--hub', hubAddress, ...FOR_LONG)
    await ping.event(isDirect)
    hub.program.child.kill('SIGKILL')
    await hub.program.ended
    const before = ping.events.filter(isDirect).length
    await ping.event(event => isDirect(event) && ping.events.filter(isDirect).length >= before + 20)
    assert.equal(up.child.exitCode, null)
    const { code } = await ping.interrupt()
    assert.equal(code, 0)
  })

  it('it lives on when both NATs have forgotten everything: the next packets open them again', async t => {
    const { lab, start, alice, hubAddress } = await journey(t, preset('easy-easy', { link }))
    const ping = start('bob', 'ping', alice, '--hub', hubAddress, ...FOR_LONG)
    await ping.event(isDirect)
    await Promise.all([lab.flushNat('natA'), lab.flushNat('natB')])
    const before = ping.events.filter(isDirect).length
    await ping.event(event => isDirect(event) && ping.events.filter(isDirect).length >= before + 20)
    const { stdout } = await ping.interrupt()
    const seqs = stdout
      .split('\n')
      .filter(line => line.includes('"pong"'))
      .map(line => JSON.parse(line).seq)
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => index + 1),
      'every ping is answered once, in order'
    )
  })
})
