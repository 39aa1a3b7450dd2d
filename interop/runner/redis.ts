import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'

const INSTALL = 'apt-get install -y redis-server'

/** Debian's redis-server, installed when that is possible here; else what is missing. */
export function provideRedis(): { readonly program: string } | { readonly missing: string } {
  const found = findRedis()
  if (found !== undefined) return { program: found }
  if (process.getuid?.() !== 0 || !isThere('/usr/bin/apt-get')) {
    return { missing: `there is no redis-server on this machine: sudo ${INSTALL}` }
  }
  process.stderr.write(`${INSTALL}\n`)
  // the package would start a server on the machine, and nobody asked for one: this is how Debian is told not to
  const policy = '/usr/sbin/policy-rc.d'
  const guard = `printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}; trap 'rm ${policy}' EXIT`
  // a mirror in the middle of an update fails now and then
  const install = `for attempt in 1 2 3; do apt-get update -qq && ${INSTALL} -qq && break; sleep 5; done`
  const script = `test -e ${policy} || { ${guard}; }; ${install}`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('sh', ['-c', script], { env, stdio: ['ignore', 2, 2] })
  const installed = findRedis()
  return installed === undefined ? { missing: `${INSTALL} failed, see above` } : { program: installed }
}

/** Nothing of it outlives the process: no file, no configuration of the machine's. */
export function redisCommand(program: string, ip: string, port: number): string[] {
  const options = { bind: ip, port: String(port), save: '', appendonly: 'no', 'protected-mode': 'no' }
  return [program, ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])]
}

function findRedis(): string | undefined {
  return ['/usr/bin/redis-server', '/usr/local/bin/redis-server'].find(isThere)
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
