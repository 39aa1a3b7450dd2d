import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openLab } from '../../lab/lab.ts'
import type { PlaneKind } from '../../src/socket/plane.ts'
import { Program } from '../cli/beeline.ts'
import { PLANES } from '../socket/planes.ts'
import { NO_LAB } from './available.ts'

const PROGRAM = fileURLToPath(new URL('mtu-program.ts', import.meta.url))
/** The least that IPv6 allows (RFC 8200 section 5), as a tunnel may have it. */
const MTU = '1280'
const SILENT =
  'add table ip silent; add chain ip silent out { type filter hook output priority 0; }; add rule ip silent out icmp type destination-unreachable drop'

/** Alice behind a firewall, Bob on the internet, and a link from her to him. */
async function setUp(t: TestContext, kind: PlaneKind) {
  const folder = await mkdtemp(join(tmpdir(), 'beeline-mtu-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const lab = await openLab({ wall: { mapping: 'none' }, alice: { behind: 'wall' }, bob: {} })
  t.after(() => lab.close())
  const exec = async (host: string, ...argv: string[]) => {
    const { code, stderr } = await lab.exec(host, argv)
    assert.equal(code, 0, stderr)
  }
  const start = (host: string, role: string, other: string) => {
    const argv = [process.execPath, PROGRAM, role, join(folder, 'pipe'), lab.host(other).ip, kind]
    return new Program(lab.spawn(host, argv, { stdio: 'pipe' }))
  }
  const link = async () => {
    const bob = start('bob', 'listen', 'alice')
    await bob.event(({ event }) => event === 'ready')
    const alice = start('alice', 'dial', 'bob')
    const moved = await alice.event(({ event }) => event === 'moved')
    assert.equal(moved['done'], true)
    return { alice, bob }
  }
  return { exec, link }
}

describe('a link that goes on by a path with a small MTU', { skip: NO_LAB }, () => {
  for (const { kind, skip } of PLANES) {
    for (const silent of [false, true]) {
      const name = `${kind}: every byte arrives, ${silent ? 'although no ICMP error tells of the MTU' : 'ICMP errors tell of the MTU'}`
      it(name, { skip, timeout: 60_000 }, async t => {
        const { exec, link } = await setUp(t, kind)
        await exec('wall', 'ip', 'link', 'set', 'dev', 'wan', 'mtu', MTU)
        if (silent) await exec('wall', 'nft', SILENT)
        const { bob } = await link()
        const received = await bob.event(({ event }) => event === 'received')
        assert.equal(received['whole'], true)
        t.diagnostic(`${received['datagrams']} datagrams by UDP`)
      })
    }
  }

  it('ffi: what the own interface cannot carry is refused, joined or not, and goes out when it can', {
    skip: PLANES.find(({ kind }) => kind === 'ffi')!.skip,
    timeout: 60_000
  }, async t => {
    const { exec, link } = await setUp(t, 'ffi')
    await exec('alice', 'ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1000')
    const { alice, bob } = await link()
    await alice.event(({ event }) => event === 'refused')
    await exec('alice', 'ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1500')
    const received = await bob.event(({ event }) => event === 'received')
    assert.equal(received['whole'], true)
  })
})
