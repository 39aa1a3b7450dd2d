import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { NatError } from '../../../src/core/errors.ts'
import type { Access } from '../../../src/hub/access/access.ts'
import { type HttpApi, type HttpServer, type HttpServerOptions, startHttpServer } from '../../../src/hub/http/index.ts'
import type { Asker, Outcome, Records } from '../../../src/hub/records/api.ts'
import { openPeerRecord, type RecordInit, sealPeerRecord } from '../../../src/libp2p/peer-record.ts'

export const HUB = { id: '12D3KooWHub', addrs: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWHub'] }
export const RECORD = 'application/vnd.beeline.record'
export const OPERATOR = 'whoever-runs-it'

export const open: Access = { admit: () => undefined, refusal: () => undefined, bearer: () => undefined, forget() {} }

/** Records in a map: the newest of each peer. */
export class MapRecords implements Records {
  readonly kept = new Map<string, { envelope: Uint8Array; seq: number; left: boolean }>()
  readonly askers: Asker[] = []
  /** What comes in place of an answer. */
  instead: Outcome | undefined

  async register(envelope: Uint8Array, asker: Asker, of?: PeerId): Promise<Outcome> {
    this.askers.push(asker)
    if (this.instead != null) return this.instead
    const opened = await openPeerRecord(envelope, of).catch((error: Error) => error)
    if (opened instanceof Error) return { status: 'BAD_RECORD', detail: opened.message }
    const { seq, left, lifetimeSeconds, peer, issuedAtSeconds } = opened
    if (Math.abs(issuedAtSeconds * 1_000 - Date.now()) > 86_400_000)
      return { status: 'BAD_CLOCK', detail: 'another day' }
    const current = this.kept.get(peer.toString())
    if (current != null && current.seq > seq) return { status: 'STALE', seq: current.seq, envelope: current.envelope }
    this.kept.set(peer.toString(), { envelope, seq, left })
    return { status: 'OK', lifetimeSeconds, isNew: current == null && !left }
  }

  async find(peer: PeerId, asker: Asker): Promise<Outcome> {
    this.askers.push(asker)
    if (this.instead != null) return this.instead
    const record = this.kept.get(peer.toString())
    if (record == null || record.left) return { status: 'NOT_FOUND' }
    return { status: 'OK', envelope: record.envelope, seq: record.seq, lifetimeSeconds: 3_600 }
  }

  async list(after: string | undefined, limit: number) {
    if (this.instead != null) throw new NatError('UNAVAILABLE', 'the store does not answer')
    const all = [...this.kept.keys()].sort().filter(each => after == null || each > after)
    const peers = all.slice(0, limit)
    return all.length > limit ? { peers, next: peers.at(-1)! } : { peers }
  }

  async healthy(): Promise<boolean> {
    return this.instead == null
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks into
  readonly json: any
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** The address that it comes from. */
  readonly from?: string
}

/** A server with its API, on loopback. */
export interface Site {
  readonly records: MapRecords
  readonly server: HttpServer
  readonly origin: string
  ask(path: string, options?: AskOptions): Promise<Answer>
  /** Writes these bytes. @returns all that comes back until the server closes */
  raw(bytes: string): Promise<string>
  connect(): Socket
}

export type SiteOptions = Partial<HttpServerOptions> & { readonly api?: Partial<HttpApi> }

export async function startSite(t: TestContext, { api, ...options }: SiteOptions = {}): Promise<Site> {
  const records = new MapRecords()
  const server = await startHttpServer({ hosts: ['127.0.0.1'], port: 0, ...options })
  t.after(() => server.stop())
  await server.serve({ records, access: open, hub: () => HUB, operatorToken: OPERATOR, ...api })
  const { port } = server
  return {
    records,
    server,
    origin: `http://127.0.0.1:${port}`,
    ask: (path, asked) => ask(port, path, asked),
    async raw(bytes) {
      const socket = connect(port, '127.0.0.1')
      socket.write(bytes)
      return await allOf(socket)
    },
    connect: () => connect(port, '127.0.0.1')
  }
}

export async function listOf<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

export async function allOf(socket: Socket): Promise<string> {
  let text = ''
  for await (const data of socket) text += data
  return text
}

function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body, from }: AskOptions = {}
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    method,
    // Node's client leaves the length of DELETE's body out
    headers: body == null ? headers : { 'content-length': Buffer.byteLength(body), ...headers },
    agent: false,
    ...(from == null ? {} : { localAddress: from })
  })
  request.on('error', reject)
  request.on('response', async response => {
    const all = Buffer.concat(await listOf<Buffer>(response))
    const { statusCode = 0, headers } = response
    const json = () => JSON.parse(all.toString())
    resolve({
      status: statusCode,
      headers,
      body: all,
      text: all.toString(),
      get json() {
        return json()
      }
    })
  })
  request.end(body)
  return promise
}

export interface Peer {
  readonly id: string
  readonly key: PrivateKey
  record(init?: Partial<RecordInit>): Promise<Uint8Array>
}

export async function newPeer(): Promise<Peer> {
  const key = await generateKeyPair('Ed25519')
  return {
    id: peerIdFromPrivateKey(key).toString(),
    key,
    record: init => sealPeerRecord(key, { seq: 1, ...init })
  }
}
