import { STATUS_CODES } from 'node:http'

export const PROBLEM_TYPE = 'application/problem+json'

/** What can be wrong beyond what HTTP has a status for, with words for people. Each is served at `/v1/problems/NAME`, which is its type (RFC 9457 section 3.1.1). */
export const PROBLEMS = {
  'bad-peer-id': {
    status: 400,
    title: 'Not a peer id',
    about: 'A peer id is a multihash in base58 (12D3Koo…), or a CIDv1 with the codec libp2p-key (bafz…, k51…).'
  },
  'token-needed': {
    status: 401,
    title: 'A token is needed',
    about: 'Send it with the request: Authorization: Bearer TOKEN. Whoever runs the hub gives it.'
  },
  forbidden: {
    status: 403,
    title: 'Not for you',
    about: 'The hub is for those with a token, or for the peers on a list; or nobody may do this here.'
  },
  'no-record': {
    status: 404,
    title: 'No record',
    about: 'No hub of this store has a record of that peer: it is not online, it uses other hubs, or it has left.'
  },
  stale: {
    status: 409,
    title: 'A newer record is kept',
    about:
      'Records of a peer have rising sequence numbers. The answer has the number that is kept, `seq`, and the record itself, `envelope`.'
  },
  'bad-record': {
    status: 422,
    title: 'Not a record of that peer',
    about:
      'The body has to be the signed envelope of a record, signed by the peer that the path names; to DELETE, one that says that the peer has left.'
  },
  'bad-clock': {
    status: 422,
    title: 'The record is from another time',
    about:
      "When the record says it was made is more than a day from the hub's own time: one of the two clocks is wrong."
  },
  limit: {
    status: 429,
    title: 'Too many requests',
    about: 'Requests are limited by source and by peer. Retry-After says in how many seconds there is room again.'
  },
  unavailable: {
    status: 503,
    title: 'The hub cannot reach its records now',
    about: 'The store does not answer. Nothing that was acknowledged is lost; try again after Retry-After seconds.'
  }
} as const

export type ProblemName = keyof typeof PROBLEMS

/** RFC 9457, with members of its own where a problem has some. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly [member: string]: unknown
}

export interface ProblemInit {
  /** For people: what was wrong this time, and what to do. */
  readonly detail?: string | undefined
  /** Members of its own. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Why a request was refused: thrown by routes, and made the answer by whoever called them. */
export class Refusal extends Error {
  readonly problem: Problem
  readonly headers: Readonly<Record<string, string>>

  /** @param what a problem of ours, or a status that says it all */
  constructor(what: ProblemName | number, { detail, members, headers = {} }: ProblemInit = {}) {
    const { type, title, status } = typeof what === 'number' ? ofStatus(what) : ofName(what)
    super(detail ?? title)
    this.problem = { type, title, status, ...(detail == null ? {} : { detail }), ...members }
    this.headers = headers
  }
}

export function problemPath(name: ProblemName): string {
  return `/v1/problems/${name}`
}

/** RFC 9457 section 4.2.1. */
function ofStatus(status: number) {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status }
}

function ofName(name: ProblemName) {
  const { status, title } = PROBLEMS[name]
  return { type: problemPath(name), title, status }
}
