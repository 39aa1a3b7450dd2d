import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type PresetName, preset } from '../../lab/presets.ts'
import { NO_LAB } from './available.ts'
import { type HubTransport, journey } from './journey.ts'

/** One way, from a site to the internet. */
const link = { delayMs: 10 }

interface Row {
  readonly lab: PresetName
  readonly hub?: readonly HubTransport[]
  readonly only?: string
  readonly code: number
  readonly technique: string
  /** By what the last pong came. */
  readonly path: string
}

const ALL: readonly HubTransport[] = ['quic', 'tcp', 'ws']

/** Bob pings alice, `--until direct`: what is there in the end. */
const ROWS: readonly Row[] = [
  { lab: 'easy-easy', code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'easy-easy', hub: ['tcp'], code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'easy-easy', hub: ['ws'], code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'public-easy', code: 0, technique: 'punch-quic', path: 'direct quic 11.3.0.10' },
  { lab: 'firewall', code: 0, technique: 'punch-quic', path: 'direct quic 11.2.1.10' },
  { lab: 'double-nat', code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'same-nat', only: 'punch-quic', code: 0, technique: 'punch-quic', path: 'direct quic 192.168.2.10' },
  { lab: 'same-nat', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 192.168.2.10' },
  { lab: 'same-carrier', code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'easy-hard', code: 3, technique: 'relay', path: 'relay quic 11.1.0.10' },
  { lab: 'hard-hard', code: 3, technique: 'relay', path: 'relay quic 11.1.0.10' },
  { lab: 'open', code: 0, technique: 'punch-quic', path: 'direct quic 11.2.0.10' },
  { lab: 'udp-blocked', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.0.10' },
  { lab: 'easy-easy', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.0.10' },
  { lab: 'resetting', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.0.10' },
  { lab: 'open', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.0.10' },
  { lab: 'firewall', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.1.10' },
  { lab: 'double-nat', only: 'punch-tcp', code: 0, technique: 'punch-tcp', path: 'direct tcp 11.2.0.10' }
]

describe('two peers behind kernel NATs, from the command line', { skip: NO_LAB }, () => {
  for (const { lab, hub = ALL, only, code, technique, path } of ROWS) {
    it(`${lab}, by a hub reached over ${hub.join(', ')}${only == null ? '' : `, ${only} only`}: ${path}`, async t => {
      const { bob, alice, hubAddress } = await journey(t, preset(lab, { link }), hub)
      const args = [
        'ping',
        alice,
        '--hub',
        hubAddress,
        '--until',
        'direct',
        '--deadline',
        '20',
        ...(only == null ? [] : ['--only', only])
      ]
      const ended = await bob(...args)
      const events = ended.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line))
      const summary = events.at(-1)
      const last = events.findLast(({ event }) => event === 'pong')
      assert.equal(events[0].path, 'relay', 'the first byte goes over the relay')
      assert.deepEqual(
        { code: ended.code, technique: summary.technique, path: `${last.path} ${last.transport} ${last.remote}` },
        { code, technique, path: `${path}:${last.remote.split(':').at(-1)}` },
        ended.stdout + ended.stderr
      )
    })
  }
})

describe('what happens to a direct link', { skip: NO_LAB }, () => {
  it('it lives on when the hub has gone, and 100 MB go through both NATs', async t => {
    const { bob, start, up, alice, hub, hubAddress } = await journey(t, preset('easy-easy', { link }))
    const perf = await bob('perf', alice, '--hub', hubAddress, '--mb', '100', '--until', 'direct')
    assert.equal(perf.code, 0, perf.stderr)
    const { path, transport, MBps } = JSON.parse(perf.stdout)
    assert.deepEqual([path, transport], ['direct', 'quic'])
    t.diagnostic(`${MBps} MB/s`)

    const isDirect = (event: Record<string, unknown>) => event['path'] === 'direct' && event['event'] === 'pong'
    const ping = start(
      'bob',
      'ping',
      alice,
      '--hub',
      hubAddress,
      '--until',
      'direct',
      '--count',
      '500',
      '--interval',
      '0.1'
    )
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
    const isDirect = (event: Record<string, unknown>) => event['path'] === 'direct' && event['event'] === 'pong'
    const ping = start(
      'bob',
      'ping',
      alice,
      '--hub',
      hubAddress,
      '--until',
      'direct',
      '--count',
      '500',
      '--interval',
      '0.1'
    )
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
