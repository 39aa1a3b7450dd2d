import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { realClock } from '../../../src/core/clock.ts'
import { secureRandom } from '../../../src/core/random.ts'
import type { ProofKeys, Proving } from '../../../src/libp2p/tcp/proof.ts'
import type { PathCandidate } from '../../../src/wire/path.ts'
import { encodeTcpHello, type TcpRole } from '../../../src/wire/tcp-proof.ts'

/** Both ends of a connection over loopback. */
export async function pair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const one = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [other] = (await once(server, 'connection')) as [Socket]
  if (one.connecting) await once(one, 'connect')
  server.close()
  for (const socket of [one, other]) {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
  }
  return [one, other]
}

/** The keys of the two sides of a link. */
export function linkKeys(link = '0123456789abcdef'): Readonly<Record<TcpRole, ProofKeys>> {
  const [client, server] = [randomBytes(32), randomBytes(32)]
  return { client: { link, mine: client, theirs: server }, server: { link, mine: server, theirs: client } }
}

export function proving(role: TcpRole, keys: ProofKeys, change: Partial<Proving> = {}): Proving {
  const { signal } = new AbortController()
  return { role, keys, choose: () => true, clock: realClock, random: secureRandom, signal, ...change }
}

export function hello(role: TcpRole, link = '0123456789abcdef', nonce = Buffer.alloc(16)): Uint8Array {
  return encodeTcpHello({ role, link: Buffer.from(link, 'hex'), nonce })
}

export function candidate(port: number, change: Partial<PathCandidate> = {}): PathCandidate {
  return { kind: 'host', transport: 'tcp', address: '127.0.0.1', port, ...change }
}
