import { type Dispatcher, Pool } from 'undici'
import type { Sealed } from './records.ts'

const RECORD = 'application/vnd.beeline.record'
/** Connections that stay open, and requests of each under way. */
const CONNECTIONS = 8
const PIPELINING = 16
/** All that the pool takes at once. */
export const HTTP_WINDOW = CONNECTIONS * PIPELINING

/** A hub's HTTP API, by connections that are kept. */
export class HttpClient {
  readonly #pool: Pool

  constructor(origin: string) {
    this.#pool = new Pool(origin, { connections: CONNECTIONS, pipelining: PIPELINING })
  }

  async put({ signer, envelope }: Sealed): Promise<void> {
    // several under way on a connection: undici does that with what may be repeated only
    await this.#request({
      method: 'PUT',
      path: `/v1/peers/${signer.id}`,
      headers: { 'content-type': RECORD },
      body: envelope,
      idempotent: true
    })
  }

  async get(id: string): Promise<void> {
    await this.#request({ method: 'GET', path: `/v1/peers/${id}`, headers: { accept: RECORD } })
  }

  async routing(id: string): Promise<void> {
    await this.#request({ method: 'GET', path: `/routing/v1/peers/${id}`, headers: { accept: 'application/json' } })
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async #request(options: Dispatcher.RequestOptions): Promise<void> {
    const { statusCode, body } = await this.#pool.request(options)
    if (statusCode >= 300) throw new Error(`${options.method} ${options.path}: ${statusCode} ${await body.text()}`)
    await body.dump()
  }
}
