import type { CreateListenerOptions, Listener, Transport } from '@libp2p/interface'
import { type WebSocketsComponents, webSockets } from '@libp2p/websockets'
import { WebSocketListener, type WebSocketSource } from './listener.ts'

/** js-libp2p's WebSockets, which listen where an HTTP server does already. */
export function webSocketsOf(source: WebSocketSource): (components: WebSocketsComponents) => Transport {
  return components => {
    const transport = webSockets()(components)
    transport.createListener = (options: CreateListenerOptions): Listener =>
      new WebSocketListener(source, options, components.logger)
    return transport
  }
}
