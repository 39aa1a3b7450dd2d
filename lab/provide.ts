import { spawnSync } from 'node:child_process'
import { isInstalled } from './capability.ts'
import { isRoot } from './keeper.ts'

/** What the lab and its tests call, and the Debian packages that have it. */
const TOOLS = { nft: 'nftables', ip: 'iproute2', ping: 'iputils-ping', ps: 'procps' }

/** Installs what the lab needs, as root on a system with apt; elsewhere says what is missing. */
export function provideTools(): void {
  if (process.platform !== 'linux') return
  const packages = Object.entries(TOOLS).flatMap(([tool, name]) => (isInstalled(tool) ? [] : [name]))
  if (packages.length === 0) return
  const install = `apt-get install -y ${packages.join(' ')}`
  if (!isRoot() || !isInstalled('apt-get')) {
    say(`For NATs of its own on this machine, beeline's lab needs ${packages.join(', ')}. On Debian: sudo ${install}\n`)
    return
  }
  say(`Installing what the lab needs: ${install}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status } = spawnSync('sh', ['-c', `apt-get update -qq; ${install} -qq >/dev/null`], { env, stdio: 'inherit' })
  if (status !== 0) say('That failed: there will be no lab.\n')
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

if (import.meta.main) provideTools()
