/** A hub inside a program of one's own, or its relay in a js-libp2p node. */
export { type Hub, type HubOptions, startHub } from './hub.ts'
export { relayService } from './relay/index.ts'
