import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Lab, type LabSpec, openLab } from '../../lab/lab.ts'
import { type Ended, FAULTS_END_IT, MAIN, Program } from '../cli/beeline.ts'

/** In the order in which a hub prints its addresses. */
const TRANSPORTS = ['quic', 'tcp', 'ws'] as const

export type HubTransport = (typeof TRANSPORTS)[number]

/** A lab in which a hub runs and alice is up, until the test ends; `prepare` comes before both. */
export async function journey(
  t: TestContext,
  spec: LabSpec,
  by: readonly HubTransport[] = ['quic'],
  peer: readonly string[] = [],
  prepare: (lab: Lab) => Promise<void> = async () => {}
) {
  const data = await mkdtemp(join(tmpdir(), 'beeline-journey-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  const lab = await openLab(spec)
  t.after(() => lab.close())
  await prepare(lab)
  const start = (host: string, ...args: string[]): Program => {
    const env = { ...process.env, XDG_CONFIG_HOME: join(data, host) }
    const argv = [process.execPath, ...FAULTS_END_IT, MAIN, ...args, '--json']
    return new Program(lab.spawn(host, argv, { env, stdio: 'pipe' }))
  }
  const startHub = async () => {
    // with two addresses it can tell peers how their NATs map; they know it by the first one
    const { ip, ips } = lab.host('hub')
    const program = start('hub', 'hub', ...ips.flatMap(each => ['--host', each]))
    const { addrs } = (await program.event(({ event }) => event === 'ready')) as { addrs?: string[] }
    const first = addrs!.filter(each => each.startsWith(`/ip4/${ip}/`))
    return { program, address: by.map(transport => first[TRANSPORTS.indexOf(transport)]).join(',') }
  }
  const hub = await startHub()
  const up = start('alice', 'up', '--hub', hub.address, ...peer)
  const { id } = (await up.event(({ event }) => event === 'ready')) as { id?: string }
  return {
    lab,
    start,
    startHub,
    hub,
    up,
    alice: id!,
    hubAddress: hub.address,
    bob: (...args: string[]): Promise<Ended> => start('bob', ...args).ended
  }
}
