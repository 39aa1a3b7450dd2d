import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isInstalled } from '../../lab/capability.ts'
import type { Lab } from '../../lab/lab.ts'
import { NO_LAB } from './available.ts'

/** For `test(name, { skip: NO_MINIUPNPD }, …)`: why no router can map ports here, or false. */
export const NO_MINIUPNPD =
  NO_LAB !== false ? NO_LAB : isInstalled('miniupnpd') ? false : 'miniupnpd is not installed (miniupnpd-nftables)'

const NAT_TABLE = 'miniupnpd'
const HTTP_PORT = 5000
/** Of PCP and NAT-PMP. */
const PORT_CONTROL_PORT = 5351
const START_TIMEOUT_MS = 10_000
/** Two seconds and what seconds are rounded by. */
const EPOCH_SLACK_MS = 4_000

export interface MiniupnpdOptions {
  /** UPnP IGD. @default true */
  readonly upnp?: boolean
  /** PCP and NAT-PMP, which this program has only together. @default true */
  readonly natPmp?: boolean
  /** Says that it is an IGD of version 1. @default false */
  readonly version1?: boolean
  /** What it calls its address outside. @default that of the router's uplink */
  readonly externalIp?: string
  /** What it grants at most. @default a day */
  readonly maxLifetimeSeconds?: number
  /** Who may map what, as in its `allow` and `deny` lines; the first that fits counts. @default everybody everything */
  readonly rules?: readonly string[]
}

/** The chains of its own that the program fills: what it opens in the filter is the lab's affair (docs/lab.md). */
const NAT_CHAINS = `
table inet ${NAT_TABLE} {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump mapped
  }
  chain postrouting {
    type nat hook postrouting priority srcnat - 5; policy accept;
    jump mapped_out
  }
  chain mapped { }
  chain mapped_out { }
}
`

/** Debian's miniupnpd in a router of a lab, with its nftables backend: PCP, NAT-PMP and UPnP IGD. */
export class Miniupnpd implements AsyncDisposable {
  readonly #lab: Lab
  readonly #router: string
  readonly #folder: string
  #ports: readonly number[] = []
  #isRunning = false
  #startedAtMs = 0
  #bootId = 1_000

  private constructor(lab: Lab, router: string, folder: string) {
    this.#lab = lab
    this.#router = router
    this.#folder = folder
  }

  /** @throws Error when it does not start */
  static async start(lab: Lab, router: string, options: MiniupnpdOptions = {}): Promise<Miniupnpd> {
    const server = new Miniupnpd(lab, router, await mkdtemp(join(tmpdir(), 'beeline-miniupnpd-')))
    await server.#configure(options)
    await server.#nft(NAT_CHAINS)
    await server.#spawn()
    return server
  }

  /** As when the router restarts: its mappings are gone, its epoch begins anew, and it tells the network. */
  async restart(options?: MiniupnpdOptions): Promise<void> {
    // clients allow a clock two seconds (RFC 6887 section 8.5), so a server that is as young can restart unnoticed
    const youngMs = EPOCH_SLACK_MS - (performance.now() - this.#startedAtMs)
    await new Promise(resolve => setTimeout(resolve, youngMs))
    await this.stop()
    // the program leaves its rules behind, for the next one to take over
    const chains = [`inet ${NAT_TABLE} mapped`, `inet ${NAT_TABLE} mapped_out`, 'inet lab opened']
    await this.#nft(chains.map(chain => `flush chain ${chain}\n`).join(''))
    if (options !== undefined) await this.#configure(options)
    await this.#spawn()
  }

  /** Ends the program; what it has mapped stays. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    // it is in the lab's own process namespace, so nobody outside knows it by this number
    await this.#shell(
      `kill $(cat '${this.#pidFile}'); while kill -0 $(cat '${this.#pidFile}') 2>&-; do sleep 0.05; done`
    )
  }

  /** The mappings that the kernel has, as nft prints their rules. */
  async mappings(): Promise<string[]> {
    const { stdout } = await this.#lab.exec(this.#router, ['nft', 'list', 'chain', 'inet', NAT_TABLE, 'mapped'])
    return stdout.split('\n').flatMap(line => (line.includes('dnat') ? [line.trim()] : []))
  }

  /** The program itself ends with the lab. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #configure(options: MiniupnpdOptions): Promise<void> {
    const { upnp = true, natPmp = true } = options
    this.#ports = [...(upnp ? [HTTP_PORT] : []), ...(natPmp ? [PORT_CONTROL_PORT] : [])]
    await writeFile(this.#config, config(options, this.#lab.host(this.#router).ip6 !== undefined))
  }

  get #pidFile(): string {
    return join(this.#folder, 'pid')
  }

  get #config(): string {
    return join(this.#folder, 'miniupnpd.conf')
  }

  async #nft(rules: string): Promise<void> {
    const { stderr } = await this.#lab.exec(this.#router, ['nft', '-f', '-'], { input: rules })
    if (stderr !== '') throw new Error(stderr)
  }

  /** As a daemon: in the foreground it tells every port that it tries, and takes minutes to refuse. */
  async #spawn(): Promise<void> {
    // by default it is the time in seconds, of which a restart in a test may not take one
    const bootId = `${this.#bootId++}`
    await this.#shell(`exec miniupnpd -f '${this.#config}' -P '${this.#pidFile}' -b ${bootId}`)
    this.#isRunning = true
    this.#startedAtMs = performance.now()
    const tables = 'tcp tcp6 udp udp6'.split(' ').map(table => `/proc/net/${table}`)
    const open = this.#ports.map(port => `cat ${tables.join(' ')} 2>&- | grep -q ':${hex(port)} '`)
    await this.#shell(`until ${open.join(' && ')}; do sleep 0.05; done`)
  }

  async #shell(script: string): Promise<void> {
    const { code, stderr, timedOut } = await this.#lab.exec(this.#router, ['sh', '-c', script], {
      timeoutMs: START_TIMEOUT_MS
    })
    if (code !== 0) throw new Error(`${timedOut ? 'took too long' : `ended with ${code}`}: ${script}\n${stderr}`)
  }
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}

function config(
  {
    upnp = true,
    natPmp = true,
    version1 = false,
    externalIp,
    maxLifetimeSeconds = 86_400,
    rules = ['allow 0-65535 0.0.0.0/0 0-65535']
  }: MiniupnpdOptions,
  hasIpv6: boolean
): string {
  const yes = (flag: boolean) => (flag ? 'yes' : 'no')
  return [
    'ext_ifname=wan',
    ...(externalIp === undefined ? [] : [`ext_ip=${externalIp}`]),
    'listening_ip=lan',
    `http_port=${HTTP_PORT}`,
    `enable_upnp=${yes(upnp)}`,
    `enable_natpmp=${yes(natPmp)}`,
    `ipv6_disable=${yes(!hasIpv6)}`,
    `force_igd_desc_v1=${yes(version1)}`,
    'secure_mode=yes',
    'system_uptime=no',
    'min_lifetime=2',
    `max_lifetime=${maxLifetimeSeconds}`,
    'upnp_table_name=lab',
    'upnp_forward_chain=opened',
    `upnp_nat_table_name=${NAT_TABLE}`,
    'upnp_nat_chain=mapped',
    'upnp_nat_postrouting_chain=mapped_out',
    'uuid=6f0b7a1c-2b5e-4a44-9a4e-0d6c2b6d9f11',
    ...rules,
    ''
  ].join('\n')
}
