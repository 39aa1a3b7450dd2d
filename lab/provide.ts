import { spawnSync } from 'node:child_process'
import { isInstalled } from './capability.ts'
import { isRoot } from './keeper.ts'

/** A tool that a lab calls, and the Debian package that has it. */
export type Tools = Readonly<Record<string, string>>

export const LAB_TOOLS: Tools = { nft: 'nftables', ip: 'iproute2', ping: 'iputils-ping', ps: 'procps' }

/**
 * Packages start their servers when they are installed, and at every boot. We want the programs only. (invoke-rc.d(8) asks
 * this file; 101 is no.)
 */
const QUIETLY = `
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\\nexit 101\\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi`

/** A mirror in the middle of an update fails now and then. */
const ATTEMPTS = 3

export function missingTools(tools: Tools): readonly string[] {
  return Object.keys(tools).filter(tool => !isInstalled(tool))
}

/** Installs what is missing, as root on a system with apt; elsewhere says what is missing, and what it is for. */
export function provideTools(tools: Tools, purpose: string): void {
  if (process.platform !== 'linux') return
  const missing = missingTools(tools)
  const packages = missing.map(tool => tools[tool]!)
  if (packages.length === 0) return
  const install = `apt-get install -y ${packages.join(' ')}`
  if (!isRoot() || !isInstalled('apt-get')) {
    say(`For ${purpose}, beeline needs ${packages.join(', ')}. On Debian: sudo ${install}\n`)
    return
  }
  say(`Installing what it takes for ${purpose}: ${install}`)
  const disable = `for unit in ${[...missing, ...packages].join(' ')}; do systemctl disable $unit >/dev/null 2>&1 || true; done`
  const script = `${QUIETLY}\napt-get update -qq && ${install} -qq && ${disable}`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // what a package says to a person who installs it is of no use here, unless it fails
    const { status, stderr } = spawnSync('sh', ['-c', script], {
      env,
      encoding: 'utf8'
    })
    if (status === 0) return
    if (attempt === ATTEMPTS) say(`${stderr}\nThat failed: some of it will be left out.\n`)
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

if (import.meta.main) provideTools(LAB_TOOLS, 'NATs of its own on this machine')
