import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../../core/machine.ts'
import type { TcpConnection } from '../../core/net.ts'
import type { SimHost } from '../host.ts'
import type { TcpListener } from '../tcp/ports.ts'
import { headOf, parseHead, splitHead } from './message.ts'

/** Of a whole request. */
const MAX_REQUEST_BYTES = 65_536
/** How long a client may take to send it. */
const REQUEST_TIMEOUT_MS = 30_000

export interface ServedRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly from: Endpoint
}

export interface ServedAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Answers HTTP on a port of a host, one request a connection. @throws NatError PORT_TAKEN */
export function serveHttp(
  host: SimHost,
  port: number,
  answer: (request: ServedRequest) => ServedAnswer | Promise<ServedAnswer>
): TcpListener {
  return host.listenTcp(port, connection => {
    serve(host.clock, connection, answer).then(
      () => connection.close(),
      // the client broke off, or took too long
      () => connection.close()
    )
  })
}

async function serve(
  clock: Clock,
  connection: TcpConnection,
  answer: (request: ServedRequest) => ServedAnswer | Promise<ServedAnswer>
): Promise<void> {
  const controller = new AbortController()
  const timer = clock.after(REQUEST_TIMEOUT_MS, () => controller.abort())
  const request = await readRequest(connection, controller.signal).finally(() => timer.cancel())
  if (request) connection.write(encode(await answer(request)))
}

async function readRequest(connection: TcpConnection, signal: AbortSignal): Promise<ServedRequest | undefined> {
  let bytes = new Uint8Array(0)
  while (bytes.length <= MAX_REQUEST_BYTES) {
    const split = splitHead(bytes)
    const { start, headers } = parseHead(split?.head ?? '')
    const length = Number(headers['content-length'] ?? 0)
    if (split && split.body.length >= length) {
      const [method = '', target = ''] = start.split(' ')
      const body = new TextDecoder().decode(split.body.subarray(0, length))
      return { method, target, headers, body, from: connection.remote }
    }
    const more = await connection.read(signal)
    if (more === undefined) return undefined
    bytes = Buffer.concat([bytes, more])
  }
  return undefined
}

function encode({ status, headers, body = '' }: ServedAnswer): Uint8Array {
  const bytes = Buffer.from(body)
  const own = { connection: 'close', 'content-length': String(bytes.length) }
  return Buffer.concat([headOf(`HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Other'}`, { ...own, ...headers }), bytes])
}
