import { NatError } from '../../core/errors.ts'
import { canonicalIp } from '../../core/ip.ts'
import type { HttpRequest, HttpResponse, NetHost, TcpConnection } from '../../core/net.ts'
import { familyOf } from '../nic.ts'
import { headOf, parseHead, splitHead } from './message.ts'

/** As Node bounds it. */
const MAX_HEAD_BYTES = 16_384

/**
 * One request on a connection of its own, over the simulated TCP.
 *
 * @throws NatError BAD_ADDRESS, NO_NETWORK, LIMIT, MALFORMED; the signal's reason
 */
export async function simHttp(host: NetHost, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  const target = URL.parse(request.url)
  if (target?.protocol !== 'http:') throw new NatError('BAD_ADDRESS', `${request.url} is not an http URL`)
  const port = Number(target.port) || 80
  const connection = await host.tcp({ address: await addressOf(host, target, signal), port }, { signal })
  try {
    connection.write(encode(request, target))
    const { head, body } = await readAnswer(connection, target.host, request.maxBytes, signal)
    const [, status] = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(head.start) ?? []
    if (status === undefined) throw new NatError('MALFORMED', `${target.host} answered what is not HTTP`)
    const text = new TextDecoder().decode(body)
    return { status: Number(status), headers: head.headers, body: text, localAddress: connection.local.address }
  } finally {
    connection.close()
  }
}

async function addressOf(host: NetHost, { hostname }: URL, signal: AbortSignal): Promise<string> {
  const literal = canonicalIp(hostname.replace(/^\[(.*)\]$/, '$1'))
  if (literal !== undefined) return literal
  const families = new Set(host.addresses().flatMap(({ name, family }) => (name === 'lo' ? [] : [family])))
  for (const family of families) {
    const [first] = (await host.resolve(hostname, family, signal)).filter(address => familyOf(address) === family)
    if (first !== undefined) return first
  }
  throw new NatError('NO_NETWORK', `nobody has the name ${hostname}`)
}

function encode({ method, headers, body }: HttpRequest, target: URL): Uint8Array {
  const bytes = new TextEncoder().encode(body ?? '')
  const head = headOf(`${method} ${target.pathname}${target.search} HTTP/1.1`, {
    host: target.host,
    connection: 'close',
    ...headers,
    ...(body == null ? {} : { 'content-length': String(bytes.length) })
  })
  return Buffer.concat([head, bytes])
}

async function readAnswer(connection: TcpConnection, from: string, maxBytes: number, signal: AbortSignal) {
  let bytes = new Uint8Array(0)
  for (;;) {
    const split = splitHead(bytes)
    const head = split && parseHead(split.head)
    const length = head ? Number(head.headers['content-length'] ?? Number.NaN) : Number.NaN
    if (!split && bytes.length > MAX_HEAD_BYTES) throw new NatError('LIMIT', `${from} answered with too long a head`)
    if (split && split.body.length > maxBytes) {
      throw new NatError('LIMIT', `${from} answered with more than ${maxBytes} bytes`)
    }
    if (split && head && split.body.length >= length) return { head, body: split.body.subarray(0, length) }
    const more = await connection.read(signal)
    if (more !== undefined) bytes = Buffer.concat([bytes, more])
    else if (split && head && Number.isNaN(length)) return { head, body: split.body }
    else throw new NatError(bytes.length > 0 ? 'MALFORMED' : 'NO_NETWORK', `${from} broke off`)
  }
}
