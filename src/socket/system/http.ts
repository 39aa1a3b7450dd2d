import { request } from 'node:http'
import { NatError } from '../../core/errors.ts'
import type { HttpRequest, HttpResponse } from '../../core/net.ts'
import { noNetwork } from './udp.ts'

/**
 * One request on a connection of its own, by no proxy: who asks is after a machine in the own network. The answer's headers
 * are bounded by Node (16 KiB), its body by `maxBytes`.
 *
 * @throws NatError BAD_ADDRESS, NO_NETWORK, LIMIT, MALFORMED; the signal's reason
 */
export function systemHttp(
  { url, method, headers, body, maxBytes }: HttpRequest,
  signal: AbortSignal
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const target = URL.parse(url)
    if (target?.protocol !== 'http:') {
      reject(new NatError('BAD_ADDRESS', `${url} is not an http URL`))
      return
    }
    // a length, not chunks, which many routers do not read
    const length = body == null ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const asked = request(target, { method, headers: { ...headers, ...length }, agent: false, signal })
    asked.on('error', (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason)
      else if (cause.code?.startsWith('HPE_') === true) {
        reject(new NatError('MALFORMED', `${target.host} answered what is not HTTP (${cause.code})`, { cause }))
      } else reject(noNetwork(`no answer from ${target.host}`, cause))
    })
    // without a listener such an answer would be no event at all
    asked.on('upgrade', (_, socket) => {
      socket.destroy()
      reject(new NatError('MALFORMED', `${target.host} changes the protocol, which nobody asked for`))
    })
    asked.on('response', response => {
      const localAddress = response.socket.localAddress ?? ''
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes <= maxBytes) parts.push(part)
        else {
          reject(new NatError('LIMIT', `${target.host} answered with more than ${maxBytes} bytes`))
          asked.destroy()
        }
      })
      response.on('error', cause =>
        reject(signal.aborted ? signal.reason : noNetwork(`${target.host} broke off`, cause))
      )
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(
            Object.entries(response.headers).map(([name, value]) => [
              name,
              Array.isArray(value) ? value.join(', ') : (value ?? '')
            ])
          ),
          body: Buffer.concat(parts).toString('utf8'),
          localAddress
        })
      )
    })
    asked.end(body)
  })
}
