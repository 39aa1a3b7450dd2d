import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHub } from '../../src/hub/hub.ts'
import type { Meeting } from './meeting.ts'
import type { Settings } from './settings.ts'

const PORT = 4001
const HTTP_PORT = 8080

/** Runs until it is killed. */
export async function runRelay({ transport, ip }: Settings, meeting: Meeting): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'interop-relay-'))
  const hub = await startHub({ hosts: [ip], port: PORT, httpPort: HTTP_PORT, dataDir })
  const address = hub.addrs.find(address => address.includes(transport === 'tcp' ? `/tcp/${PORT}/` : '/quic-v1/'))
  if (address === undefined) throw new Error(`the hub does not listen on ${transport}: ${hub.addrs.join(', ')}`)
  await meeting.publish('relay_multiaddr', address)
}
