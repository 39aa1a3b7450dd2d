import type { AllowanceInit } from '../../core/allowance.ts'

/** When the checks of one path go out, milliseconds from the first. The list ends, or the path's first answer ends it. */
export const SCHEDULES = {
  /**
   * The first round. Mostly the first check only opens our own NAT, and the next one passes the other's, which has been opened meanwhile:
   * so soon after another, and then ever more slowly, for the two sides begin one relayed way apart.
   */
  opening: [0, 20, 50, 100, 200, 400, 800, 1_600],
  /** Later rounds. What a check has opened stays so for 30 s and more; four are lost together, with 10 % of loss, once in 10,000. */
  later: [0, 100, 400, 1_200],
  /** A check came from there, so the way is open now in that direction. */
  triggered: [0, 50, 150, 350, 750, 1_500],
  /** A path that is in use and says nothing, until it does or loses trust (choose.ts, TRUST). */
  suspected: [0, 100, 250, 500, 750, 1_000, 1_300, 1_600],
  /** An idle one (TRUST.idleGraceMs): twice at once, because one in a hundred packets is lost anywhere. */
  keepalive: [0, 500, 1_500, 3_500, 7_500],
  nomination: [0, 100, 300, 700, 1_500, 3_000],
  single: [0]
} as const satisfies Record<string, readonly number[]>

export const LIMITS = {
  /** Candidates of theirs times sockets of ours. */
  pairs: 32,
  /** Pairs that work, though their candidate is not named any more. */
  formerPairs: 8,
  /** Addresses that techniques know of, beside the candidates. */
  targets: 8,
  /** Sockets that techniques have opened for one link. */
  techniqueSockets: 1_024,
  /** Probes of techniques that may yet be answered. */
  probes: 4_096,
  /** Hosts that have been probed: a check that comes from there counts as found by the technique that did it. */
  probedHosts: 8,
  /** Sources of checks that nobody announced: NATs that map by destination make a few. */
  peerReflexive: 8,
  /** Pipes there are at once: two relays, what replaces them, a punched connection. */
  pipes: 8,
  /** Checks that may yet be answered. */
  outstanding: 256,
  /** Between the first checks of two pairs (RFC 8445 section 14.2 has 5 ms as the least). */
  pacingMs: 5,
  /** Later answers are as if they had not come. */
  answerMs: 10_000,
  /** Two relayed links that carry it, one to go on when the other breaks. */
  relayPipes: 2,
  /** Links that nothing is heard of are over after so long. */
  deadMs: 60_000
} as const

/**
 * What a host that has proved nothing yet hears of one link: three ports (CANDIDATE_LIMITS.perHost) get the first round whole, and each
 * a check or two of the later ones. Whoever names a third party as its own address makes us send it 5 kB, and then 60 bytes a second.
 */
export const HOST_ALLOWANCE: AllowanceInit = { burst: 40, refillMs: 2_000, maxKeys: 128 }

/**
 * What a host that has proved nothing hears of all links of a node together: a peer may open many of them, under as many names as it likes, and
 * call the same bystander its address in each.
 */
export const BYSTANDER_ALLOWANCE: AllowanceInit = { burst: 160, refillMs: 500, maxKeys: 4_096 }

/** What all hosts that have proved nothing hear of one link: sixteen candidates' first round, and then five checks a second. */
export const LINK_ALLOWANCE: AllowanceInit = { burst: 128, refillMs: 200, maxKeys: 1 }

/**
 * What is read of checks and awaited answers: of each pipe, of each host that has proved itself, and of all others together. Each costs us two
 * hashes and an answer; an honest peer sends some fifty in its first second.
 */
export const READ_ALLOWANCE: AllowanceInit = { burst: 256, refillMs: 10, maxKeys: 128 }

/** Lists of candidates that are looked at as they come; of more, the last one when its turn comes. */
export const LIST_ALLOWANCE: AllowanceInit = { burst: 8, refillMs: 1_000, maxKeys: 1 }
