import swagger from '@fastify/swagger'
import { defaultLogger } from '@libp2p/logger'
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type Clock, realClock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import type { RouteContext } from './context.ts'
import type { HttpLimits } from './limits.ts'
import { OPENAPI } from './openapi.ts'
import { PathMethods } from './path-methods.ts'
import { PROBLEM_TYPE, Refusal } from './problem.ts'
import { refuse } from './refuse.ts'
import { hubRoutes } from './routes/hub.ts'
import { peerRoutes } from './routes/peers.ts'
import { routingRoutes } from './routes/routing.ts'
import { RECORD_TYPE } from './schemas.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a request is answered that the schemas do not let pass. @default 400 */
    invalid?: 400 | 422
  }
}

const ROUTING = '/routing/v1/'
/** The specification wants pages of all websites to be able to ask (Fetch, "CORS protocol"); a token is a header of its own, which they have to announce. */
const FOR_ALL_PAGES = { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, OPTIONS' }
/** What Delegated Routing has, and a hub does not: the specification wants 501 for that. */
const NOT_ROUTED = /^\/routing\/v1\/(providers|ipns|dht)(\/|$)/
/** `beeline doctor` knows a hub by the first two words, which were those of js-libp2p's own listener: who answers without them is a login page. */
const NO_PAGE = 'Only WebSocket connections and the API are served here: /v1/openapi.json describes it'

/** The routes behind a server of its own: `routing` takes requests. */
export async function createApi(
  context: RouteContext,
  limits: HttpLimits,
  clock: Clock = realClock
): Promise<FastifyInstance> {
  const log = defaultLogger().forComponent('beeline:http')
  const app = fastify({
    bodyLimit: limits.bodyBytes,
    // the server tells whoever comes too late
    return503OnClosing: false,
    // how long an id may be is for the schemas to say
    routerOptions: { maxParamLength: limits.headerBytes },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    frameworkErrors: (error, _, reply) => void sendRefusal(reply as FastifyReply, asRefusal(error))
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([RECORD_TYPE, 'application/octet-stream'], { parseAs: 'buffer' }, (_, body, done) =>
    done(null, body)
  )

  const known = new PathMethods()
  app.addHook('onRoute', ({ url, method }) => known.add(url, method))
  app.addHook('onRequest', async ({ url }, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    if (url.startsWith(ROUTING)) reply.headers(FOR_ALL_PAGES)
  })
  app.setNotFoundHandler((request, reply) => notFound(request, reply, known))
  app.setErrorHandler((error, request, reply) => {
    const refusal = asRefusal(error, request.routeOptions.config.invalid)
    if (refusal.problem.status === 500) log.error('%s %s failed - %e', request.method, request.url, error)
    if (refusal.problem.status === 413) {
      reply.hijack()
      refuse(request.raw, reply.raw, refusal, limits.lingerMs, clock)
      return
    }
    return sendRefusal(reply, refusal)
  })
  await app.register(swagger, OPENAPI)
  peerRoutes(app, context)
  routingRoutes(app, context)
  hubRoutes(app, context)
  await app.ready()
  return app
}

function notFound(request: FastifyRequest, reply: FastifyReply, known: PathMethods) {
  const [path = ''] = request.url.split('?')
  const allowed = known.of(path)
  if (allowed == null) {
    if (NOT_ROUTED.test(path)) return sendRefusal(reply, new Refusal(501, { detail: 'a hub routes to peers only' }))
    return sendRefusal(reply, new Refusal(404, { detail: path === '/' ? NO_PAGE : 'there is nothing at this path' }))
  }
  reply.header('allow', allowed.join(', '))
  if (request.method !== 'OPTIONS') {
    return sendRefusal(reply, new Refusal(405, { detail: `there is ${allowed.join(', ')} here` }))
  }
  if (path.startsWith(ROUTING)) {
    reply.headers({ 'access-control-allow-headers': 'Accept, Authorization', 'access-control-max-age': '86400' })
  }
  return reply.code(204).send()
}

function sendRefusal(reply: FastifyReply, { problem, headers }: Refusal) {
  // as bytes: a text would get a charset, which the type does not have (RFC 9457 section 7.1)
  return reply
    .code(problem.status)
    .headers(headers)
    .type(PROBLEM_TYPE)
    .send(Buffer.from(JSON.stringify(problem)))
}

/** @param invalid the status for what the schemas do not let pass */
function asRefusal(error: unknown, invalid: 400 | 422 = 400): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof NatError && error.code === 'UNAVAILABLE') {
    return new Refusal('unavailable', { detail: error.message, headers: { 'retry-after': '5' } })
  }
  const { validation, statusCode, message } = error as Partial<FastifyError>
  if (validation != null) return new Refusal(invalid, { detail: message })
  // what Fastify refuses: the words of all others are not for strangers
  if (statusCode == null || statusCode < 400 || statusCode >= 500) return new Refusal(500)
  return new Refusal(statusCode, { detail: message })
}
