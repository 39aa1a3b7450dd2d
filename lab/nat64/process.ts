import { LineProcess } from '../line-process.ts'
import type { Plan, PlannedNode } from '../plan.ts'
import { sibling } from '../sibling.ts'
import type { Names } from './name-server.ts'

/** Resolves when the router's name server answers. It ends with the lab. */
export async function startNameServer(keeper: number, plan: Plan, router: PlannedNode): Promise<void> {
  const program = sibling(import.meta.url, 'main')
  await LineProcess.start(keeper, router.name, program, namesOf(plan), `the name server of '${router.name}'`)
}

/** The hosts as NAME.lab, and the name that shows the prefix of a NAT64 (RFC 7050 section 8). */
function namesOf({ nodes }: Plan): Names {
  const hosts = nodes.map(({ name, ips, ip6 }) => [`${name.toLowerCase()}.lab`, { ip4: ips, ip6: ip6 ? [ip6] : [] }])
  return { 'ipv4only.arpa': { ip4: ['192.0.0.170', '192.0.0.171'], ip6: [] }, ...Object.fromEntries(hosts) }
}
