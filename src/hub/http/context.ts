import type { PeerId } from '@libp2p/interface'
import type { FastifyRequest } from 'fastify'
import { sourceOf } from '../../core/ip.ts'
import { parsePeer } from '../../node/peer.ts'
import type { Access } from '../access/access.ts'
import type { Asker, Records } from '../records/api.ts'
import { Refusal } from './problem.ts'
import type { TrustedProxies } from './source.ts'

/** What the API is about. */
export interface HttpApi {
  readonly records: Records
  readonly access: Access
  /** The hub's id, and addresses that a peer can give as `--hub`. */
  readonly hub: () => { readonly id: string; readonly addrs: readonly string[] }
  /** Who has it may list peers. @default nobody may */
  readonly operatorToken?: string | undefined
}

/** What routes need to know. */
export interface RouteContext extends HttpApi {
  readonly proxies: TrustedProxies
}

export function askerOf({ proxies }: RouteContext, { raw }: FastifyRequest): Asker {
  return { address: proxies.clientOf(raw).address }
}

export function requestSource(context: RouteContext, request: FastifyRequest): string {
  return sourceOf(askerOf(context, request).address)
}

/** @param status of a request with something else @throws Refusal */
export function peerOf(text: string, status: 400 | 422): PeerId {
  try {
    const peer = parsePeer(text)
    // of this kind are the names of websites
    if (peer.type !== 'url') return peer
  } catch {
    // said below
  }
  const detail = `${text} is no peer id`
  throw status === 400 ? new Refusal('bad-peer-id', { detail }) : new Refusal(status, { detail })
}
