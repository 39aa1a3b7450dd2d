import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../context.ts'
import { API_VERSION } from '../openapi.ts'
import { PROBLEMS, type ProblemName, problemPath, Refusal } from '../problem.ts'
import { health, hubDescription, problemDescription, refusals } from '../schemas.ts'

const STORE_RETRY_SECONDS = '5'

/** What the hub says of itself. */
export function hubRoutes(app: FastifyInstance, { records, hub }: RouteContext): void {
  const tags = ['hub']

  app.get(
    '/v1/hub',
    { schema: { tags, summary: 'Who the hub is', response: { 200: hubDescription, ...refusals(['limit']) } } },
    async () => ({ ...hub(), api: API_VERSION })
  )

  app.get(
    '/health',
    {
      schema: {
        tags,
        summary: 'Whether the hub works',
        response: { 200: health, ...refusals(['limit', 'unavailable']) }
      }
    },
    async (_, reply) => {
      reply.header('cache-control', 'no-store')
      if (await records.healthy()) return { status: 'ok' }
      const headers = { 'retry-after': STORE_RETRY_SECONDS }
      throw new Refusal('unavailable', { detail: 'the store does not answer; relayed and direct links go on', headers })
    }
  )

  app.get<{ Params: { name: string } }>(
    '/v1/problems/:name',
    {
      schema: {
        tags,
        summary: 'What a problem is',
        params: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
        response: { 200: problemDescription, ...refusals(['limit'], { 404: 'No problem of that name' }) }
      }
    },
    async ({ params: { name } }) => {
      if (!isProblem(name)) throw new Refusal(404, { detail: 'there is no problem of that name' })
      return { type: problemPath(name), ...PROBLEMS[name] }
    }
  )

  app.get(
    '/v1/openapi.json',
    {
      schema: {
        tags,
        summary: 'This description',
        response: {
          200: {
            description: 'OpenAPI 3.1',
            content: { 'application/json': { schema: { type: 'object', additionalProperties: true } } }
          },
          ...refusals(['limit'])
        }
      }
    },
    async () => app.swagger()
  )
}

function isProblem(name: string): name is ProblemName {
  return Object.hasOwn(PROBLEMS, name)
}
