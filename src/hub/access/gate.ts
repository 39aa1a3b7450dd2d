import { createHash, timingSafeEqual } from 'node:crypto'
import { Allowance } from '../../core/allowance.ts'
import type { Clock } from '../../core/clock.ts'
import { NatError } from '../../core/errors.ts'
import { MAX_TOKEN_BYTES, tokenProblem } from '../../core/token.ts'
import { parsePeer } from '../../node/peer.ts'
import type { Access, AccessOptions } from './access.ts'

/** How many there may be, and so what a comparison with all of them costs at most. */
const ACCESS_LIMITS = { maxTokens: 1_024, maxPeers: 100_000 } as const

/**
 * Wrong tokens of one source. 16 a minute are 23,000 a day: no way to find a token of 40 bits or more, and room for a company of which
 * some have mistyped theirs: a node with a wrong one asks once a minute.
 */
const GUESSES = { burst: 32, refillMs: 3_750, maxKeys: 20_000 } as const

interface Rules {
  /** SHA-256 of each: of one length, so that a comparison takes equally long for all. undefined: no tokens. */
  readonly tokens: readonly Buffer[] | undefined
  readonly peers: ReadonlySet<string> | undefined
}

/** Access by tokens, by a list of peer ids, or by either; without both the hub is open. Tokens are neither kept nor ever told to anybody. */
export class Gate implements Access {
  readonly #clock: Clock
  readonly #guesses = new Allowance(GUESSES)
  /** Who has shown a token that counted then: its digest. */
  readonly #shown = new Map<string, Buffer>()
  #rules: Rules

  /** @throws NatError BAD_OPTION */
  constructor(options: AccessOptions, clock: Clock) {
    this.#clock = clock
    this.#rules = rulesOf(options)
  }

  /** From now on other rules count, for those too who were let in before. @throws NatError BAD_OPTION, and leaves them as they are */
  change(options: AccessOptions): void {
    this.#rules = rulesOf(options)
  }

  admit(peer: string, token: string | undefined, source: string): string | undefined {
    if (this.refusal(peer) == null) return undefined
    const { tokens } = this.#rules
    if (tokens == null || token == null) return this.#closed()
    const found = this.#judge(tokens, token, source)
    if (typeof found === 'string') return found
    this.#shown.set(peer, found)
    return undefined
  }

  refusal(peer: string): string | undefined {
    const { tokens, peers } = this.#rules
    if (tokens == null && peers == null) return undefined
    if (peers?.has(peer) === true) return undefined
    const shown = this.#shown.get(peer)
    return shown != null && tokens?.some(each => each.equals(shown)) === true ? undefined : this.#closed()
  }

  bearer(token: string | undefined, source: string): string | undefined {
    const { tokens, peers } = this.#rules
    if (tokens == null) {
      return peers == null ? undefined : 'this hub is for the peers on its list, and a request over HTTP names none'
    }
    if (token == null) return 'this hub is for those who have a token: send it as Authorization: Bearer TOKEN'
    const found = this.#judge(tokens, token, source)
    return typeof found === 'string' ? found : undefined
  }

  forget(peer: string): void {
    this.#shown.delete(peer)
  }

  /** @returns the token's digest, or why it does not count */
  #judge(tokens: readonly Buffer[], token: string, source: string): Buffer | string {
    if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return `a token has ${MAX_TOKEN_BYTES} bytes at most`
    const nowMs = this.#clock.now()
    // who has guessed too often learns nothing more: right tokens wait as well
    if (!this.#guesses.has(source, nowMs)) return 'too many wrong tokens came from your address: try again in a minute'
    const digest = digestOf(token)
    let known = false
    // all of them, so that the time says nothing of where in the list it is
    for (const each of tokens) known = timingSafeEqual(each, digest) || known
    if (known) return digest
    this.#guesses.take(source, nowMs)
    return 'this hub does not know that token: ask whoever runs it for the right one'
  }

  #closed(): string {
    const { tokens, peers } = this.#rules
    const list = 'ask whoever runs it to add your peer id'
    if (tokens == null) return `this hub is for the peers on its list: ${list}`
    const token = 'this hub is for peers with a token: give it with --token'
    return peers == null ? token : `${token}, or ${list} to its list`
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function rulesOf({ tokens, peers }: AccessOptions): Rules {
  return {
    tokens:
      tokens && listed('access.tokens', tokens, ACCESS_LIMITS.maxTokens).map((token, index) => digested(token, index)),
    peers:
      peers && new Set(listed('access.peers', peers, ACCESS_LIMITS.maxPeers).map((peer, index) => named(peer, index)))
  }
}

function listed(name: string, list: readonly string[], most: number): readonly string[] {
  if (!Array.isArray(list)) throw wrong(`${name} is a list`)
  // an empty one could be taken for nobody as well as for everybody
  if (list.length === 0)
    throw wrong(`${name} is empty, and so nobody could come in: leave it out for a hub that is open to all`)
  if (list.length > most) throw wrong(`${name} has ${list.length} entries, and may have ${most}`)
  return list
}

function digested(token: string, index: number): Buffer {
  const problem = tokenProblem(token)
  if (problem != null) throw wrong(`access.tokens[${index}]: ${problem}`)
  return digestOf(token)
}

function named(peer: string, index: number): string {
  try {
    return parsePeer(peer).toString()
  } catch {
    // what it is instead is not told: it may be a token
    throw wrong(`access.peers[${index}] is not a peer id: it looks like 12D3Koo…, and \`beeline up\` prints it`)
  }
}

function wrong(why: string): NatError {
  return new NatError('BAD_OPTION', why)
}
