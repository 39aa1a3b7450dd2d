import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { openPeerRecord, saysGoodbye } from '../../../libp2p/peer-record.ts'
import { preferredType } from '../accept.ts'
import { admit, admitOperator } from '../bearer.ts'
import { askerOf, peerOf, type RouteContext, requestSource } from '../context.ts'
import { accepted, type Found, foundRecord } from '../outcome.ts'
import { Refusal } from '../problem.ts'
import { found, kept, notModified, peerPage, peerParams, RECORD_TYPE, recordBody, refusals } from '../schemas.ts'

interface OfPeer {
  Params: { peerId: string }
  Body: Uint8Array | undefined
}

interface Listing {
  Querystring: { after?: string; limit: number }
}

const JSON_TYPE = 'application/json'
const BODY = {
  408: 'The body did not come in time',
  413: 'More than a record may have',
  415: 'Not a type that is taken'
}
const MOST_LISTED = 1_000

/** A peer's record: left by whoever has it, read by whoever asks, taken back with the peer's own goodbye. */
export function peerRoutes(app: FastifyInstance, context: RouteContext): void {
  const { records, access, operatorToken } = context
  const tags = ['records']
  const security = [{}, { token: [] }]

  app.put<OfPeer>(
    '/v1/peers/:peerId',
    {
      schema: {
        tags,
        security,
        summary: "Leaves a peer's record",
        description:
          'Whoever brings it: the peer has signed it. A peer that has a reservation at this hub stays registered as long as that lasts.',
        params: peerParams,
        body: recordBody,
        response: {
          201: kept('There was none of that peer'),
          200: kept('It has taken the place of an older one, or was there already'),
          ...refusals(
            ['bad-peer-id', 'token-needed', 'forbidden', 'stale', 'bad-record', 'bad-clock', 'limit', 'unavailable'],
            BODY
          )
        }
      }
    },
    async (request, reply) => {
      const peer = peerOf(request.params.peerId, 400)
      admit(access, request.headers.authorization, requestSource(context, request), peer)
      const envelope = bodyOf(request)
      const { lifetimeSeconds, isNew } = accepted(await records.register(envelope, askerOf(context, request), peer))
      // RFC 9110 section 9.3.4
      return await reply.code(isNew === true ? 201 : 200).send({ lifetimeSeconds })
    }
  )

  app.get<OfPeer>(
    '/v1/peers/:peerId',
    {
      schema: {
        tags,
        security,
        summary: "Reads a peer's record",
        description:
          'As the peer has signed it, or in a form to be read, by Accept. Trust no hub: check the signature, and that it is of the peer that you asked for.',
        params: peerParams,
        headers: { type: 'object', properties: { 'if-none-match': { type: 'string', description: 'an ETag' } } },
        response: {
          200: found,
          304: notModified,
          ...refusals(['bad-peer-id', 'token-needed', 'forbidden', 'no-record', 'limit', 'unavailable'], {
            406: 'Not a type that there is'
          })
        }
      }
    },
    async (request, reply) => {
      const peer = peerOf(request.params.peerId, 400)
      admit(access, request.headers.authorization, requestSource(context, request))
      return await sendRecord(request, reply, foundRecord(await records.find(peer, askerOf(context, request))))
    }
  )

  app.delete<OfPeer>(
    '/v1/peers/:peerId',
    {
      schema: {
        tags,
        security,
        summary: "Takes a peer's record back",
        description: 'The body is a record that says that the peer has left, which only the peer can sign.',
        params: peerParams,
        body: recordBody,
        response: {
          204: { description: 'It is gone, and no older one is taken', type: 'null' },
          ...refusals(
            ['bad-peer-id', 'token-needed', 'forbidden', 'stale', 'bad-record', 'bad-clock', 'limit', 'unavailable'],
            BODY
          )
        }
      }
    },
    async (request, reply) => {
      const peer = peerOf(request.params.peerId, 400)
      admit(access, request.headers.authorization, requestSource(context, request), peer)
      const envelope = bodyOf(request)
      if (!isGoodbye(envelope)) {
        throw new Refusal('bad-record', { detail: 'that record does not say that the peer has left' })
      }
      accepted(await records.register(envelope, askerOf(context, request), peer))
      return await reply.code(204).send()
    }
  )

  app.get<Listing>(
    '/v1/peers',
    {
      schema: {
        tags: ['operator'],
        security: [{ token: [] }],
        summary: 'Lists peers',
        description: "For the operator only. In pages: ask for the next with the last one's `next` as `after`.",
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            after: { type: 'string', maxLength: 128 },
            limit: { type: 'integer', minimum: 1, maximum: MOST_LISTED, default: 100 }
          }
        },
        response: {
          200: peerPage,
          ...refusals(['token-needed', 'forbidden', 'limit', 'unavailable'], { 400: 'Not such a page' })
        }
      }
    },
    async (request, reply) => {
      admitOperator(operatorToken, request.headers.authorization)
      const { after, limit } = request.query
      reply.header('cache-control', 'no-store')
      return await records.list(after, limit)
    }
  )
}

function bodyOf({ body }: FastifyRequest<OfPeer>): Uint8Array {
  if (body == null || body.length === 0) throw new Refusal('bad-record', { detail: 'there is no record in the body' })
  return body
}

/** Its signature is checked where such checks are counted. */
function isGoodbye(envelope: Uint8Array): boolean {
  try {
    return saysGoodbye(envelope)
  } catch (error) {
    throw new Refusal('bad-record', { detail: (error as Error).message })
  }
}

async function sendRecord(request: FastifyRequest<OfPeer>, reply: FastifyReply, { envelope, seq }: Found) {
  const type = preferredType(request.headers.accept, [RECORD_TYPE, JSON_TYPE, 'application/octet-stream'])
  reply.header('vary', 'Accept').header('cache-control', 'no-cache')
  if (type == null) {
    throw new Refusal(406, { detail: `there is ${RECORD_TYPE}, and ${JSON_TYPE}` })
  }
  // of one sequence number there are several forms: only that of the record itself is the same byte by byte
  reply.header('etag', type === JSON_TYPE ? `W/"${seq}"` : `"${seq}"`)
  if (matches(request.headers['if-none-match'], `${seq}`)) return await reply.code(304).send()
  if (type !== JSON_TYPE) return await reply.type(type).send(Buffer.from(envelope))
  return await reply.type(type).send(await readable(envelope))
}

/** RFC 9110 section 13.1.2: whether a tag is weak does not count. */
function matches(header: string | undefined, tag: string): boolean {
  const tags = (header ?? '').split(',').map(each => each.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(`"${tag}"`)
}

async function readable(envelope: Uint8Array) {
  const { peer, seq, issuedAtSeconds, lifetimeSeconds, addresses, summary } = await openPeerRecord(envelope)
  return {
    id: peer.toString(),
    seq,
    issuedAt: new Date(issuedAtSeconds * 1_000).toISOString(),
    lifetimeSeconds,
    addrs: addresses.map(String),
    ...(summary == null ? {} : { summary }),
    envelope: Buffer.from(envelope).toString('base64')
  }
}
