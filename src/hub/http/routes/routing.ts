import type { FastifyInstance } from 'fastify'
import { openPeerRecord } from '../../../libp2p/peer-record.ts'
import { preferredType } from '../accept.ts'
import { admit } from '../bearer.ts'
import { askerOf, peerOf, type RouteContext, requestSource } from '../context.ts'
import { filteredAddresses, takesUnknownProtocols } from '../filters.ts'
import { accepted, foundRecord } from '../outcome.ts'
import { peerParams, refusals, routedPeers } from '../schemas.ts'

interface Request {
  Params: { peerId: string }
  Querystring: { 'filter-addrs'?: string; 'filter-protocols'?: string }
}

interface RoutedPeer {
  readonly Schema: 'peer'
  readonly ID: string
  readonly Addrs: readonly string[]
  /** Of transfer, as transport-bitswap: records have none. */
  readonly Protocols: readonly string[]
}

/** A peer that has just been looked for may come at any moment: as long as the specification proposes. */
const EMPTY_SECONDS = 15
/** Addresses change with networks. The specification proposes 5 minutes for what is found in a DHT. */
const FOUND_SECONDS = 30

const filter = { type: 'string', maxLength: 1_024 } as const

/** Peer routing of the Delegated Routing V1 HTTP API (https://specs.ipfs.tech/routing/http-routing-v1/): what clients of IPFS and libp2p ask. */
export function routingRoutes(app: FastifyInstance, context: RouteContext): void {
  const { records, access } = context
  app.get<Request>(
    '/routing/v1/peers/:peerId',
    {
      config: { invalid: 422 },
      schema: {
        tags: ['routing'],
        security: [{}, { token: [] }],
        summary: 'Where a peer is',
        description: 'Peer routing of the Delegated Routing V1 HTTP API. Nothing found is an empty list (IPIP-0513).',
        params: peerParams,
        querystring: {
          type: 'object',
          properties: {
            'filter-addrs': {
              ...filter,
              description: 'IPIP-0484: names of protocols with commas, `!` before those not wanted'
            },
            'filter-protocols': { ...filter, description: 'IPIP-0484: records have no protocols, which is `unknown`' }
          }
        },
        response: {
          200: routedPeers,
          ...refusals(['token-needed', 'forbidden', 'limit', 'unavailable'], { 422: 'Not a peer id' })
        }
      }
    },
    async (request, reply) => {
      const { authorization, accept } = request.headers
      const peer = peerOf(request.params.peerId, 422)
      admit(access, authorization, requestSource(context, request))
      const outcome = await records.find(peer, askerOf(context, request))
      const none = outcome.status === 'NOT_FOUND'
      if (!none) accepted(outcome)
      const peers = none ? [] : await routed(foundRecord(outcome).envelope, request.query)
      reply
        .header('vary', 'Accept')
        .header('last-modified', new Date().toUTCString())
        .header('cache-control', cacheControl(peers.length > 0, outcome.lifetimeSeconds, authorization != null))
      // streams are for those who ask for them by name
      if (preferredType(accept, ['application/json', 'application/x-ndjson']) !== 'application/x-ndjson') {
        return await reply.type('application/json').send({ Peers: peers })
      }
      const lines = peers.map(each => `${JSON.stringify(each)}\n`).join('')
      return await reply.type('application/x-ndjson').send(Buffer.from(lines))
    }
  )
}

async function routed(envelope: Uint8Array, filters: Request['Querystring']): Promise<RoutedPeer[]> {
  const { peer, addresses } = await openPeerRecord(envelope)
  const passing = filteredAddresses(addresses.map(String), filters['filter-addrs'])
  if (passing == null || !takesUnknownProtocols(filters['filter-protocols'])) return []
  // base58: clients in use read no other
  return [{ Schema: 'peer', ID: peer.toString(), Addrs: passing, Protocols: [] }]
}

/** @param named somebody's token has shown them this: no other's cache is to */
function cacheControl(found: boolean, lifetimeSeconds: number | undefined, named: boolean): string {
  const staleSeconds = found ? (lifetimeSeconds ?? FOUND_SECONDS) : EMPTY_SECONDS
  const maxAge = found ? Math.min(FOUND_SECONDS, staleSeconds) : EMPTY_SECONDS
  const stale = `stale-while-revalidate=${staleSeconds}, stale-if-error=${staleSeconds}`
  return `${named ? 'private' : 'public'}, max-age=${maxAge}, ${stale}`
}
