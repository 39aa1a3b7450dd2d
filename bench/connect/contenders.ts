import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beeline } from '../beeline.ts'

export type Program = readonly [string, ...string[]]

/** Three programs: what meets, what waits, and what connects and prints a summary as `beeline ping --json` does. */
export interface Contender {
  hub(ip: string, dataDir: string): Program
  up(hub: string, dataDir: string): Program
  ping(peer: string, hub: string, deadlineSeconds: number): Program
}

const STOCK = fileURLToPath(new URL('../stock-peer.ts', import.meta.url))

/** Ours, by all techniques or by some. All contenders run in one lab, so the hubs take what ports are free. */
function ours(...only: string[]): Contender {
  return {
    hub: (ip, dataDir) => beeline('hub', '--host', ip, '--port', '0', '--http-port', '0', '--data', dataDir),
    up: (hub, dataDir) => beeline('up', '--hub', hub, '--key', join(dataDir, 'up.key'), ...only),
    ping: (peer, hub, seconds) =>
      beeline('ping', peer, '--hub', hub, '--until', 'direct', '--count', '1', '--deadline', `${seconds}`, ...only)
  }
}

export const CONTENDERS = {
  beeline: ours(),
  'beeline, TCP only': ours('--only', 'punch-tcp'),
  'js-libp2p': {
    hub: ip => stockPeer('hub', ip),
    up: hub => stockPeer('up', hub),
    ping: (peer, hub) => stockPeer('ping', peer, hub)
  }
} satisfies Record<string, Contender>

export type ContenderName = keyof typeof CONTENDERS
export const CONTENDER_NAMES = Object.keys(CONTENDERS) as ContenderName[]

export function stockPeer(...args: string[]): Program {
  return [process.execPath, STOCK, ...args]
}
