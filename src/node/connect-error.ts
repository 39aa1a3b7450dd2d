import { networkInterfaces } from 'node:os'
import { NatError } from '../core/errors.ts'
import { unansweredText } from './unanswered.ts'

/**
 * Turns what a dial failed with into one line: the cause, and what to do.
 *
 * @param unanswered relays that the peer's record names, and of which nothing has come: an address of each
 */
export function connectError(
  peer: string,
  error: unknown,
  signal: AbortSignal,
  unanswered: readonly string[] = []
): NatError {
  if (error instanceof NatError) return error
  const text = messages(error).join('; ')
  if (/NO_RESERVATION/.test(text)) {
    return new NatError(
      'PEER_OFFLINE',
      `${peer} is not at this hub: is \`beeline up\` running there, with the same hub?`,
      { cause: error }
    )
  }
  if (/RESERVATION_REFUSED|RESOURCE_LIMIT|PERMISSION_DENIED|CONNECTION_FAILED/.test(text)) {
    return new NatError('HUB_REFUSED', `the hub did not connect us to ${peer}: ${text}`, { cause: error })
  }
  if (signal.aborted) {
    const why = unanswered.length === 0 ? text : unansweredText(unanswered)
    return new NatError('TIMEOUT', `${peer} was not reached within the time: ${why}`, { cause: error })
  }
  return new NatError('PEER_OFFLINE', `cannot reach ${peer}: ${text}`, { cause: error })
}

/** What a hub was not reached with says, by the error that lies deepest; the first that fits counts. */
const HUB_CAUSES = [
  [/identity key .* does not match|answered at \//, 'WRONG_PEER', 'another identity answers'],
  [/ENOTFOUND|EAI_AGAIN/, 'NO_HUB', 'its name does not resolve'],
  [/ECONNREFUSED/, 'NO_HUB', 'connection refused'],
  [/ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL/, 'NO_NETWORK', 'there is no route'],
  [/abort|did not answer|timed? ?out|ETIMEDOUT|within/i, 'NO_HUB', 'nothing came back']
] as const

/** Turns what all hubs failed with into one line: the cause, and what to do. */
export function hubError(hubs: readonly string[], error: unknown): Error {
  const known = error instanceof NatError && error.code !== 'NO_HUB' && error.code !== 'WRONG_PEER'
  if (known && error.code !== 'TIMEOUT') return error
  const text = messages(error).join('; ')
  const [, code, cause] = HUB_CAUSES.find(([pattern]) => pattern.test(text)) ?? [undefined, 'NO_HUB', text]
  const where = hubs.join(', ')
  const ports = [...new Set(hubs.flatMap(portOf))].join(', ')
  switch (code) {
    case 'WRONG_PEER':
      return new NatError(code, `${where} is not that hub, ${cause}: copy its address anew from where it runs`, {
        cause: error
      })
    case 'NO_NETWORK':
      return new NatError(code, `no way to ${where}, ${cause}: is this machine connected to a network?`, {
        cause: error
      })
    default:
      return new NatError(
        'NO_HUB',
        `no hub answers at ${where}, ${cause}: is \`beeline hub\` running there, and is ${ports || 'its port'} open?`,
        { cause: error }
      )
  }
}

/**
 * Asks whether there is any network that could lead to the hubs: without one, packets are lost in silence, and that costs
 * a deadline.
 *
 * @throws NatError NO_NETWORK
 */
export function noNetwork(hubs: readonly string[]): void {
  const addresses = Object.values(networkInterfaces()).flatMap(each => each ?? [])
  const outside = addresses.some(({ internal, address }) => !internal && !address.startsWith('fe80:'))
  if (outside || (addresses.length > 0 && hubs.some(hub => /^\/(ip4\/127\.|ip6\/::1\/|dns)/.test(hub)))) return
  throw new NatError('NO_NETWORK', 'this machine has no network: connect it to one, then try again')
}

function portOf(hub: string): string[] {
  const [, protocol, port] = /\/(udp|tcp)\/(\d+)/.exec(hub) ?? []
  return protocol == null ? [] : [`${protocol.toUpperCase()} port ${port}`]
}

/** What an error says, and those underneath, each text once. */
function messages(error: unknown): string[] {
  if (error instanceof AggregateError) return [...new Set(error.errors.flatMap(messages))]
  if (!(error instanceof Error)) return [String(error)]
  return [...new Set([error.message, ...(error.cause == null ? [] : messages(error.cause))])]
}
