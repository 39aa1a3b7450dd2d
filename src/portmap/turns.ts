import { type Clock, sleep } from '../core/clock.ts'
import { scoped } from '../core/deadline.ts'
import type { Ask, MappingClient, Outcome } from './mapping.ts'
import { mostTelling, type Refusal } from './reason.ts'

/** Whoever answers on port 5351 does so at once: then UPnP, which may answer as early, is not asked to map the same port twice. */
const HEAD_START_MS = 1_000

/** A client that must find its router first. */
export interface SlowClient extends MappingClient {
  /** @returns why there is no router for it */
  prepare(signal: AbortSignal): Promise<Extract<Outcome, { refused: unknown }> | undefined>
}

/**
 * Asks two protocols at the same time for one mapping. The second one looks for its router meanwhile, and maps when the first has
 * refused, or has not answered within its head start.
 *
 * @throws the signal's reason
 */
export async function askInTurn(
  clients: { readonly first: MappingClient; readonly second: SlowClient },
  ask: Ask,
  clock: Clock,
  signal: AbortSignal
): Promise<Outcome & { readonly client: MappingClient }> {
  return await scoped(signal, async outer => {
    const losers = new AbortController()
    const either = AbortSignal.any([outer, losers.signal])
    const first = clients.first.map(ask, undefined, either)
    const second = secondTurn(clients.second, first, ask, clock, either)
    try {
      return await Promise.any([
        first.then(outcome => granted(outcome, clients.first)),
        second.then(outcome => granted(outcome, clients.second))
      ])
    } catch (error) {
      outer.throwIfAborted()
      const refused = mostTelling((error as AggregateError).errors.map(refusalOf))
      return { refused, client: clients.first }
    } finally {
      losers.abort()
    }
  })
}

async function secondTurn(
  client: SlowClient,
  first: Promise<Outcome>,
  ask: Ask,
  clock: Clock,
  signal: AbortSignal
): Promise<Outcome> {
  const [unprepared] = await Promise.all([
    client.prepare(signal),
    // a grant ends all of this; a refusal ends the head start
    Promise.race([sleep(clock, HEAD_START_MS, signal), first])
  ])
  return unprepared ?? (await client.map(ask, undefined, signal))
}

class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.detail)
    this.refusal = refusal
  }
}

function granted(outcome: Outcome, client: MappingClient) {
  if ('refused' in outcome) throw new Refused(outcome.refused)
  return { ...outcome, client }
}

/** What is no refusal is a bug, and is thrown. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refused) return error.refusal
  throw error
}
