import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../core/clock.ts'
import type { HttpLimits } from './limits.ts'
import { Refusal } from './problem.ts'
import { refuseSocket } from './refuse.ts'
import type { Client } from './source.ts'

/** What comes of libp2p in one message is a frame of Noise (64 KiB), or a few of them. */
const MAX_MESSAGE_BYTES = 1_048_576

export type OnWebSocket = (socket: WebSocket, from: Client) => void

/** Whether a request wants to be a WebSocket: whatever else it offers to become (h2c), it stays a request (RFC 9110 section 7.8). */
export function wantsWebSocket({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return (headers.upgrade ?? '').trim().toLowerCase() === 'websocket'
}

/** Makes WebSockets out of requests that ask for it, for whoever has come for those of that listener. */
export class Upgrades {
  readonly #websockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: MAX_MESSAGE_BYTES })
  readonly #limits: HttpLimits
  readonly #clock: Clock

  constructor(limits: HttpLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#websockets.on('wsClientError', ({ message }: Error, socket: Duplex, request: IncomingMessage) => {
      // RFC 6455 section 4.2.2: which versions there are
      const headers = { 'sec-websocket-version': '13, 8' }
      const status = request.method === 'GET' ? 400 : 405
      this.refuse(
        socket,
        new Refusal(status, { detail: message, headers: status === 405 ? { allow: 'GET' } : headers })
      )
    })
  }

  /** @param from who has asked @param taker undefined: nobody takes them now @returns whether it is a WebSocket now */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    from: Client,
    taker: OnWebSocket | undefined
  ): boolean {
    let accepted = false
    // an old Node asks nobody whether to upgrade
    if (!wantsWebSocket(request))
      this.refuse(socket, new Refusal(400, { detail: 'only WebSocket connections are to be had' }))
    else if (taker == null) this.refuse(socket, new Refusal(503, { detail: 'the hub starts or stops' }))
    else {
      this.#websockets.handleUpgrade(request, socket, head, websocket => {
        accepted = true
        taker(websocket, from)
      })
    }
    return accepted
  }

  /** Ends a connection that will carry no other request. */
  refuse(socket: Duplex, refusal: Refusal): void {
    refuseSocket(socket, refusal, this.#limits.lingerMs, this.#clock)
  }
}
