import { wrap } from '../../core/text.ts'
import type { Forecast, Place } from '../../traversal/forecast.ts'
import { WHYS } from '../../traversal/forecast.ts'
import { capabilities } from './capabilities.ts'
import type { Diagnosis } from './diagnosis.ts'
import { type Look, type Mark, row } from './look.ts'
import { picture } from './picture.ts'

const PLACE_NAMES: Readonly<Record<Place, string>> = {
  public: 'public address',
  firewall: 'firewall, no NAT',
  'easy-nat': 'home NAT',
  'double-nat': 'two NATs in a row',
  'hard-nat': 'symmetric NAT',
  'udp-blocked': 'UDP blocked',
  ipv6: 'any, with IPv6 too',
  'same-network': 'this network'
}

/** As wide as the widest of them. */
const BY = {
  'punch-quic': 'QUIC ',
  'punch-tcp': 'TCP  ',
  local: 'QUIC ',
  predict: 'QUIC ',
  birthday: 'QUIC '
} as const

/** What people read. No line is wider than the terminal, words that are excepted. */
export function page(diagnosis: Diagnosis, look: Look): string {
  const blocks = [picture(diagnosis, look), works(diagnosis, look), hubs(diagnosis, look)]
  blocks.push(connects(diagnosis, look), toDo(diagnosis, look))
  return blocks
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')
}

function works(diagnosis: Diagnosis, look: Look): string[] {
  const rows = capabilities(diagnosis).flatMap(({ label, mark, text }) => row(look, mark, label, text))
  return [look.colors.bold('This network'), ...rows]
}

function hubs({ hubs }: Diagnosis, look: Look): string[] {
  if (hubs.length === 0) return []
  const rows = hubs.flatMap(({ id, rttMs }) =>
    rttMs == null ? row(look, 'no', 'no answer', id) : row(look, 'yes', `${rttMs.toFixed(1)} ms`, id)
  )
  return [look.colors.bold('Hubs, there and back'), ...rows]
}

function connects({ forecast }: Diagnosis, look: Look): string[] {
  if (forecast.every(({ path }) => path == null)) return []
  const told = forecast.filter(({ why }) => why !== 'no-ipv6')
  const rows = told.flatMap(each => row(look, markOf(each), PLACE_NAMES[each.place], `${by(each)} ${WHYS[each.why]}`))
  return [look.colors.bold('A peer elsewhere connects to this machine'), ...rows]
}

function markOf({ path }: Forecast): Mark {
  if (path == null) return 'unknown'
  return path === 'direct' ? 'yes' : 'no'
}

function by({ path, technique }: Forecast): string {
  if (technique != null) return BY[technique]
  return path === 'relay' ? 'relay' : '?    '
}

function toDo({ advice }: Diagnosis, look: Look): string[] {
  const { bold, green, yellow } = look.colors
  if (advice.length === 0) return [green('Nothing to do: this network is as good as they come.')]
  const items = advice.flatMap(({ text }, index) => {
    const [first = '', ...rest] = wrap(text, look.columns - 5)
    return [`  ${yellow(`${index + 1}`)}  ${first}`, ...rest.map(line => `     ${line}`)]
  })
  return [bold('What to do'), ...items]
}
