/** What the attacker and the attacked node of hostile.test.ts agree on. */

export const HOSTILE_PROTOCOL = '/beeline-test/hostile/1'
export const PACKETS = 60_000
export const PACKETS_PER_MS = 10
/** After these, memory should no longer grow. */
export const WARM_PACKETS = 20_000
