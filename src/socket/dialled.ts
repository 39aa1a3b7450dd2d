import { longHeader } from './demux.ts'
import type { Flow } from './flow.ts'
import { CLOSE, serverInitial } from './initial.ts'

/** Dials to one address share a flow; of more at once than an honest program makes, the last ones count. */
const MAX_PER_FLOW = 8

/** What ids a connection of our engine's client goes by, hexadecimal. */
interface Handshake {
  /** Made up by the client for the server it did not know yet. */
  readonly openedWith: string
  /** The server's own; absent until it has answered. */
  serverId: string | undefined
}

/**
 * The handshakes that the engine's client has begun and not finished. A dial that has failed for us goes on in the engine, which cannot be told, and keeps 0.1 MB for as
 * long as its idle timeout. So when its flow goes, the client hears a CONNECTION_CLOSE in the name of the server: until it has Handshake
 * keys, it takes one whose keys everybody knows. Later it takes none (RFC 9001 section 4.9.1), so one too many does no harm.
 */
export class Dialled<Loop> {
  /** By the id that the client has given itself. */
  readonly #byFlow = new Map<number, Map<string, Handshake>>()

  /** The engine sent this for the flow. */
  sent(flow: Flow<Loop>, bytes: Uint8Array): void {
    const header = flow.role === 'client' ? longHeader(bytes) : undefined
    if (header == null) return
    const { sourceId, destinationId } = header
    const begun = this.#byFlow.get(flow.id)
    const handshake = begun?.get(sourceId)
    // behind its Initials come packets of the Handshake space: the client has thrown the first keys away
    if (!header.opensConnection) begun?.delete(sourceId)
    else if (handshake == null) this.#begin(flow.id, sourceId, destinationId)
    else if (destinationId !== handshake.openedWith) handshake.serverId = destinationId
  }

  /** The flow is about to go. @returns what the engine is to be told of each handshake */
  end(flow: Flow<Loop>): readonly Uint8Array[] {
    const begun = this.#byFlow.get(flow.id)
    if (begun == null) return []
    this.#byFlow.delete(flow.id)
    return [...begun].map(([clientId, { openedWith, serverId }]) =>
      serverInitial({ destinationId: clientId, sourceId: serverId ?? openedWith, ...CLOSE }, openedWith)
    )
  }

  #begin(flow: number, clientId: string, openedWith: string): void {
    const begun = this.#byFlow.get(flow) ?? new Map<string, Handshake>()
    this.#byFlow.set(flow, begun)
    const [oldest] = begun.keys()
    if (oldest != null && begun.size >= MAX_PER_FLOW) begun.delete(oldest)
    begun.set(clientId, { openedWith, serverId: undefined })
  }
}
