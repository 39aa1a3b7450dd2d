import { MAX_RECORD_ADDRESSES, MAX_RECORD_BYTES } from '../../wire/record.ts'
import { PROBLEM_TYPE, PROBLEMS, type ProblemName } from './problem.ts'

export const RECORD_TYPE = 'application/vnd.beeline.record'

/** The longest text of a peer id in use is the base32 CID of a secp256k1 key: 64. */
export const peerParams = {
  type: 'object',
  required: ['peerId'],
  properties: {
    peerId: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      pattern: '^[0-9A-Za-z]+$',
      description: 'base58 (12D3Koo…), or a CIDv1 with the codec libp2p-key (bafz…, k51…)'
    }
  }
} as const

/** Bytes are no JSON (OpenAPI 3.1 section 4.8.14.3): how many there may be is for the server to say, and what is in them for Records. */
const envelope = { description: `the signed envelope of a record: at most ${MAX_RECORD_BYTES} bytes` }

export const recordBody = {
  content: { [RECORD_TYPE]: { schema: envelope }, 'application/octet-stream': { schema: envelope } }
}

const peerId = { type: 'string', description: 'in base58' } as const
const addresses = { type: 'array', maxItems: MAX_RECORD_ADDRESSES, items: { type: 'string' } } as const
const seconds = { type: 'integer', minimum: 0 } as const
const seq = { type: 'integer', minimum: 0, description: 'higher in each record than in the one before' } as const

const record = {
  type: 'object',
  required: ['id', 'seq', 'issuedAt', 'lifetimeSeconds', 'addrs', 'envelope'],
  properties: {
    id: peerId,
    seq,
    issuedAt: { type: 'string', format: 'date-time', description: "by the peer's own clock" },
    lifetimeSeconds: { ...seconds, description: 'what the peer has asked for, from when the hub got it' },
    addrs: { ...addresses, description: "multiaddrs without the peer's own id" },
    summary: { type: 'object', additionalProperties: true, description: "what the peer's network is like" },
    envelope: { type: 'string', contentEncoding: 'base64', description: 'what the peer has signed: verify it' }
  }
} as const

export const etag = {
  ETag: { type: 'string', description: 'the sequence number' },
  Vary: { type: 'string', description: 'Accept' }
}

export const found = {
  description: 'The record of that peer',
  headers: etag,
  content: { [RECORD_TYPE]: { schema: envelope }, 'application/json': { schema: record } }
}

export const notModified = { description: 'The record is still that of If-None-Match', type: 'null' } as const

export function kept(description: string) {
  return {
    description,
    content: {
      'application/json': {
        schema: {
          type: 'object',
          properties: { lifetimeSeconds: { ...seconds, description: 'how long the hub keeps it, from now' } }
        }
      }
    }
  }
}

export const peerPage = {
  description: 'Peers that have a record',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['peers'],
        properties: {
          peers: { type: 'array', items: peerId },
          next: { type: 'string', description: 'what to ask the next page after; absent on the last' }
        }
      }
    }
  }
}

const routedPeer = {
  type: 'object',
  required: ['Schema', 'ID', 'Addrs', 'Protocols'],
  properties: {
    Schema: { type: 'string', enum: ['peer'] },
    ID: peerId,
    Addrs: addresses,
    Protocols: { type: 'array', items: { type: 'string' } }
  }
} as const

export const routedPeers = {
  description: 'None or one',
  headers: { 'Cache-Control': { type: 'string' }, Vary: { type: 'string', description: 'Accept' } },
  content: {
    'application/json': {
      schema: { type: 'object', required: ['Peers'], properties: { Peers: { type: 'array', items: routedPeer } } }
    },
    'application/x-ndjson': { schema: { type: 'string', description: 'a peer on each line' } }
  }
}

export const hubDescription = {
  description: 'The hub',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['id', 'addrs', 'api'],
        properties: {
          id: peerId,
          addrs: { type: 'array', items: { type: 'string' }, description: 'each is what `beeline up --hub` takes' },
          api: { type: 'string', description: 'the version of this API' }
        }
      }
    }
  }
}

export const health = {
  description: 'The hub and its store answer',
  content: {
    'application/json': {
      schema: { type: 'object', required: ['status'], properties: { status: { type: 'string', enum: ['ok'] } } }
    }
  }
}

export const problemDescription = {
  description: 'What that problem is',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['type', 'title', 'status', 'about'],
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          about: { type: 'string' }
        }
      }
    }
  }
}

const problem = {
  type: 'object',
  required: ['type', 'title', 'status'],
  additionalProperties: true,
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' }
  }
} as const

/** What a route may refuse a request with; of several of one status the words are joined. @param what problems of ours, and statuses with what they mean here */
export function refusals(names: readonly ProblemName[], statuses: Readonly<Record<number, string>> = {}) {
  const words = new Map(Object.entries(statuses))
  for (const name of names) {
    const { status, title } = PROBLEMS[name]
    const before = words.get(`${status}`)
    words.set(`${status}`, before == null ? title : `${before}; or: ${title}`)
  }
  return Object.fromEntries(
    [...words].map(([status, description]) => [
      status,
      { description, content: { [PROBLEM_TYPE]: { schema: problem } } }
    ])
  )
}
