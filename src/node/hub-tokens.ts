import { NatError } from '../core/errors.ts'
import { tokenProblem } from '../core/token.ts'
import { lastPeer } from '../libp2p/circuit/address.ts'
import type { TokenFor } from '../libp2p/circuit/hop.ts'
import { parseHubs } from './hubs.ts'
import { parsePeer } from './peer.ts'

/** A hub that is not open to all. */
export interface HubWithToken {
  /** With its peer id: nobody else is shown the token. */
  readonly address: string
  readonly token: string
}

export type HubOption = string | HubWithToken

export function hubAddresses(hubs: readonly HubOption[]): string[] {
  return hubs.map(hub => (typeof hub === 'string' ? hub : hub.address))
}

/** What each hub is shown, by its peer id, which it has to prove. @throws NatError BAD_ADDRESS, BAD_OPTION */
export function hubTokens(hubs: readonly HubOption[]): TokenFor {
  const tokens = new Map<string, string>()
  for (const hub of hubs) {
    if (typeof hub === 'string') continue
    const problem = tokenProblem(hub.token)
    if (problem != null) throw new NatError('BAD_OPTION', `the token for ${hub.address}: ${problem}`)
    const id = idOf(hub.address)
    if ((tokens.get(id) ?? hub.token) !== hub.token) {
      throw new NatError('BAD_OPTION', `there are two tokens for the hub ${id}: it takes one`)
    }
    tokens.set(id, hub.token)
  }
  return relay => tokens.get(relay.toString())
}

/**
 * Gives each hub its token.
 *
 * @param tokens `TOKEN`, when all addresses are those of one hub, or `HUBID=TOKEN`
 * @throws NatError BAD_ADDRESS, BAD_OPTION
 */
export function withTokens(hubs: readonly string[], tokens: readonly string[]): HubOption[] {
  if (tokens.length === 0) return [...hubs]
  const ids = new Set(hubs.map(idOf))
  const byHub = new Map<string, string>()
  for (const text of tokens) {
    const [id, token] = taken(text) ?? [onlyOf(ids), text]
    if (!ids.has(id))
      throw new NatError('BAD_OPTION', `there is a token for the hub ${id}, which is none of those given`)
    if (byHub.has(id)) throw new NatError('BAD_OPTION', `there are two tokens for the hub ${id}: it takes one`)
    byHub.set(id, token)
  }
  return hubs.map(address => {
    const token = byHub.get(idOf(address))
    return token == null ? address : { address, token }
  })
}

/** `HUBID=TOKEN` taken apart; a token itself may have = at its end. */
function taken(text: string): [id: string, token: string] | undefined {
  const at = text.indexOf('=')
  if (at < 0) return undefined
  try {
    return [parsePeer(text.slice(0, at)).toString(), text.slice(at + 1)]
  } catch {
    return undefined
  }
}

/** A token must not reach a hub that it was not meant for. */
function onlyOf(ids: ReadonlySet<string>): string {
  const [id] = ids
  if (id != null && ids.size === 1) return id
  throw new NatError('BAD_OPTION', `${ids.size} hubs were given: say whose token it is, as HUBID=TOKEN`)
}

function idOf(address: string): string {
  return String(lastPeer(parseHubs([address])[0]!))
}
