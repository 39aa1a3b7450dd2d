/** The ways to make a connection that this version knows. */
export type BuiltInTechnique = 'relay' | 'direct' | 'local' | 'reverse' | PunchTechnique | 'predict' | 'birthday'

/** One of those, or one of the user's own. */
export type TechniqueName = BuiltInTechnique | (string & {})

export type PunchTechnique = 'punch-quic' | 'punch-tcp'

/**
 * Why an attempt ended as it did. A fixed list, because scripts and people look these up; docs/reasons.md says for each
 * what it means and what to do.
 */
export const REASONS = {
  connected: 'a connection came up and carried bytes both ways',
  'already-direct': 'a direct connection existed before, or came up by another technique first',
  'peer-not-public': 'the other side announces no public address',
  'no-own-address': 'no hub has told us a public address of our own socket yet',
  'no-peer-address': 'the other side sent no address that we may dial',
  'no-transport': 'the two sides share no transport that can be punched',
  unsupported: 'the other side does not speak DCUtR',
  'no-answer': 'packets went out, and nothing came back within the time',
  refused: 'the other side answered, and refused',
  'wrong-peer': 'somebody else answered at that address',
  'role-clash': 'the two sides met, and both took the same role in the handshake',
  'port-taken': 'the system did not let our port go to that address',
  unproven: 'the connection came up, and then carried no bytes',
  malformed: 'the other side sent something that is not DCUtR',
  silent: 'the other side began no DCUtR exchange, or stopped answering in one',
  busy: 'too many upgrades were under way already',
  'relay-closed': 'the relayed connection closed in the middle',
  disagreed: 'it takes both sides, and the other one does not take part',
  limit: 'too much of it was under way already: sockets, packets or attempts',
  hung: 'the attempt did not end in time',
  crashed: 'the technique failed by a fault of its own',
  aborted: 'we were asked to stop'
} as const

export type Reason = keyof typeof REASONS

/** One technique, tried once (or passed over), and what came of it. */
export interface Attempt {
  readonly technique: TechniqueName
  readonly outcome: 'ok' | 'failed' | 'skipped'
  readonly reason: Reason
  /** Milliseconds that it took; 0 when skipped. */
  readonly ms: number
  /** For people: addresses, counts, the error underneath. */
  readonly detail?: string
}
