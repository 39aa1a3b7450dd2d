import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** Of the API, not of the program: it rises with what is served. */
export const API_VERSION = '1.0.0'

/** The document's frame: the routes have the rest, in the schemas that requests are validated with. */
export const OPENAPI: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Beeline hub',
      version: API_VERSION,
      description:
        'Where peers leave signed records of where they are, and others find them by their ids alone. Errors are application/problem+json (RFC 9457).',
      license: { name: 'Apache-2.0 OR MIT', identifier: 'Apache-2.0 OR MIT' }
    },
    tags: [
      { name: 'records', description: 'Records of peers' },
      { name: 'routing', description: 'Delegated Routing V1' },
      { name: 'operator', description: 'For whoever runs the hub' },
      { name: 'hub', description: 'The hub itself' }
    ],
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Of hubs that are not open to everybody; or the operator token'
        }
      }
    }
  }
}
