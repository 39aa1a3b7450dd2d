import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../core/clock.ts'
import { PROBLEM_TYPE, type Refusal } from './problem.ts'

/** Answers a request whose body nobody reads, and closes the connection when that has been thrown away. */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  refusal: Refusal,
  lingerMs: number,
  clock: Clock
): void {
  const body = Buffer.from(JSON.stringify(refusal.problem))
  const head = { 'content-type': PROBLEM_TYPE, 'content-length': body.length, ...refusal.headers }
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers
  if (request.complete || (coding == null && Number(length ?? 0) === 0)) {
    response.writeHead(refusal.problem.status, head).end(body)
    return
  }
  response.writeHead(refusal.problem.status, { ...head, connection: 'close' })
  response.write(body)
  // the whole answer is out; its end would close the connection, and what is still on its way would then reset it before the answer is read
  const timer = clock.after(lingerMs, () => response.end())
  request.once('end', () => response.end())
  response.once('close', () => timer.cancel())
  request.on('error', () => {}).resume()
}

/** Answers on a connection that no request could be read from, or that is one no more, and closes it. */
export function refuseSocket(socket: Duplex, refusal: Refusal, lingerMs: number, clock: Clock): void {
  const { status } = refusal.problem
  const body = JSON.stringify(refusal.problem)
  const head = {
    'Content-Type': PROBLEM_TYPE,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
    ...refusal.headers
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`)
  socket.on('error', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
  socket.resume()
  const timer = clock.after(lingerMs, () => socket.destroy())
  socket.once('close', () => timer.cancel())
}
