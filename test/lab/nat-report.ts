import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Lab, type LabSpec, openLab } from '../../lab/lab.ts'
import type { Examined } from '../../src/nat/examine.ts'
import { MAIN, Program } from '../cli/beeline.ts'

const PROGRAM = fileURLToPath(new URL('nat-report-program.ts', import.meta.url))

/** A lab in which a hub runs on all addresses that it has, until the test ends. */
export async function withHub(t: TestContext, spec: LabSpec): Promise<Lab> {
  const data = await mkdtemp(join(tmpdir(), 'beeline-nat-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const lab = await openLab(spec)
  t.after(() => lab.close())
  const { ips, ip6 } = lab.host('hub')
  const hosts = [...ips, ...(ip6 == null ? [] : [ip6])].flatMap(ip => ['--host', ip])
  const argv = [process.execPath, MAIN, 'hub', ...hosts, '--data', data, '--json']
  await new Program(lab.spawn('hub', argv, { stdio: 'pipe' })).event(({ event }) => event === 'ready')
  return lab
}

/** What alice finds out about her network by the server at these addresses. */
export async function reportOf(
  lab: Lab,
  {
    servers = [lab.host('hub').ip],
    port = 4001,
    full = false
  }: { servers?: string[]; port?: number; full?: boolean } = {}
): Promise<{ report: Examined; tookMs: number }> {
  const argv = [process.execPath, PROGRAM, servers.join(','), `${port}`, ...(full ? ['full'] : [])]
  const { code, stdout, stderr } = await lab.exec('alice', argv, { timeoutMs: 240_000 })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as { report: Examined; tookMs: number }
}
