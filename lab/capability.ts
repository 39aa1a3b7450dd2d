import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { loadKoffi } from '../src/socket/koffi.ts'
import { engineOf } from './engine.ts'
import { spawnInside } from './enter.ts'
import { collect } from './exec.ts'
import { isRoot, Keeper, TOOL_PATH } from './keeper.ts'
import type { LabSpec } from './spec.ts'
import { isRouter } from './spec.ts'

/** Whether a lab can be made here; if not, why, and what to do about it. */
export type Capability = { ok: true } | { ok: false; reason: string; fix: string }

/** Tools by the Debian package that has them; other systems call the packages much the same. */
const TOOLS = {
  'util-linux': ['unshare', 'nsenter', 'setpriv', 'mount'],
  iproute2: ['ip'],
  nftables: ['nft'],
  // 8.31 (2019) or newer, for env --default-signal
  coreutils: ['env']
}

/** Each feature of the kernel that a lab needs, tried in a namespace of its own. */
const TRIAL = `
ip netns add trial
ip link add probe type veth peer name probe0 netns trial
ip link add bridge0 type bridge
nsenter --net=/run/netns/trial nft -f - <<'NFT'
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade fully-random
  }
}
table inet lab {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
}
NFT
`

/** What routers with the simulator's engine need besides. */
const TUN_TRIAL = 'ip tuntap add dev probe mode tun\n'

const NAT64_TOOL = 'tayga'

let trial: Promise<Capability> | undefined
let tunTrial: Promise<Capability> | undefined

/**
 * Tells whether a lab can be made on this machine, by making a small one once.
 *
 * @param spec also asks for what this lab needs beyond the basics: shaped links need koffi, routers with the simulator's
 *   engine need koffi and TUN devices, NAT64 needs tayga and TUN devices
 */
export async function capability(spec: LabSpec = {}): Promise<Capability> {
  trial ??= tryOut()
  const basics = await trial
  return basics.ok ? await extras(spec) : basics
}

/** What only some labs need. */
async function extras(spec: LabSpec): Promise<Capability> {
  const nodes = Object.values(spec)
  const isSimulated = nodes.some(node => isRouter(node) && engineOf(node) === 'sim')
  const isNat64 = nodes.some(node => isRouter(node) && node.nat64 === true)
  if (isNat64 && !isInstalled(NAT64_TOOL)) {
    return { ok: false, reason: `NAT64: not installed: ${NAT64_TOOL}`, fix: `apt-get install -y ${NAT64_TOOL}` }
  }
  const loaded = loadKoffi()
  if ('reason' in loaded && (isSimulated || nodes.some(node => node.link))) {
    const reason = `shaped links, and routers with the simulator's engine: ${loaded.reason}`
    return { ok: false, reason, fix: 'npm install koffi, or leave them out' }
  }
  if (!isSimulated && !isNat64) return { ok: true }
  tunTrial ??= tryInside(TUN_TRIAL, reason => ({
    ok: false,
    reason: `no TUN device, for routers with the simulator's engine or NAT64: ${reason}`,
    fix: 'run as root, where /dev/net/tun is; in a container, run it with --privileged'
  }))
  return await tunTrial
}

async function tryOut(): Promise<Capability> {
  if (process.platform !== 'linux') {
    return {
      ok: false,
      reason: `a lab is made of Linux namespaces, this is ${process.platform}`,
      fix: 'use Linux, or a virtual machine with it'
    }
  }
  for (const [aptPackage, tools] of Object.entries(TOOLS)) {
    const missing = tools.filter(tool => !isInstalled(tool))
    if (missing.length > 0) {
      return { ok: false, reason: `not installed: ${missing.join(', ')}`, fix: `apt-get install -y ${aptPackage}` }
    }
  }
  return await tryInside(TRIAL, reason => ({
    ok: false,
    reason: `the kernel lacks something: ${reason}`,
    fix: 'it needs network namespaces, veth, bridge and nftables with NAT; in a container, run it with --privileged'
  }))
}

async function tryInside(script: string, failure: (reason: string) => Capability): Promise<Capability> {
  let keeper: Keeper | undefined
  try {
    keeper = await Keeper.start()
    const child = spawnInside(keeper.pid, undefined, ['sh', '-e'], { stdio: 'pipe' })
    const { code, stderr } = await collect(child, { input: script, timeoutMs: 10_000 })
    return code === 0 ? { ok: true } : failure(oneLine(stderr))
  } catch (error) {
    return { ok: false, reason: `no namespaces: ${oneLine((error as Error).message)}`, fix: namespaceFix() }
  } finally {
    await keeper?.stop()
  }
}

/** Why systems forbid namespaces, the likeliest first. */
function namespaceFix(): string {
  if (isRoot()) return 'in a container, run it with --privileged'
  if (readSetting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'run as root, or allow user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0'
  }
  if (readSetting('kernel/unprivileged_userns_clone') === '0') {
    return 'run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1'
  }
  if (readSetting('user/max_user_namespaces') === '0') {
    return 'run as root, or allow user namespaces: sysctl user.max_user_namespaces=10000'
  }
  return 'run as root; in a container, with --privileged'
}

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim()
  } catch {
    return undefined
  }
}

/** Also in the sbin folders, which are not on everybody's PATH. */
export function isInstalled(tool: string): boolean {
  return TOOL_PATH.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, '; ')
}
