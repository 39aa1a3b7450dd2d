import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { lightNode } from './light-client.ts'
import { drain } from './load.ts'

const DIALERS = 8

/** Peers that connect to a hub and leave it again, so often in all. @returns seconds */
export async function comeAndGo(count: number, hub: string): Promise<number> {
  const to = multiaddr(hub)
  const keys = await Promise.all(Array.from({ length: DIALERS }, () => generateKeyPair('Ed25519')))
  const nodes = await Promise.all(keys.map(lightNode))
  const visits = Array.from({ length: count })
  const free = [...nodes]
  const seconds = await drain(visits, DIALERS, async () => {
    const node = free.pop()!
    const connection = await node.dial(to)
    await connection.close()
    free.push(node)
  })
  await Promise.all(nodes.map(node => node.stop()))
  return seconds
}
