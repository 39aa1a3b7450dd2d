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
  silent: 'the other side, whose turn it was to say something, did not',
  busy: 'too many upgrades were under way already',
  'relay-closed': 'the relayed connection closed in the middle',
  disagreed: 'it takes both sides, and the other one does not take part',
  limit: 'too much of it was under way already: sockets, packets or attempts',
  hung: 'the attempt did not end in time',
  crashed: 'the technique failed by a fault of its own',
  aborted: 'we were asked to stop',
  // why a plan takes a technique
  fallback: 'it works wherever both sides reach a hub, so it runs from the first moment',
  'we-are-public': 'anybody can dial this machine',
  'they-are-public': 'this machine dials the other side',
  'both-predictable': 'both sides can be told where to send',
  'hosts-get-in': 'who was written to gets in here from any port',
  'they-let-hosts-in': 'who was written to gets in over there from any port',
  'by-local-address': 'both sides tell each other their local addresses',
  'ports-in-sequence': 'the ports that vary are given in sequence, so the next ones can be told',
  'one-side-random': 'the ports of one side are random, and the other side sends to all of them from one',
  'not-known': 'too little is known of one of the two networks',
  'worked-before': 'it worked between these two networks the last time',
  suits: 'it suits the two networks',
  // why it passes over one
  'we-are-not-public': 'nobody can dial this machine',
  'other-network': 'the two sides are in different networks',
  'our-ports-vary': 'our NAT has another port for each peer, and the other side lets in only whom it knows',
  'their-ports-vary': 'their NAT has another port for each peer, and nobody gets in here uninvited',
  'both-random': 'both sides have another random port for each peer',
  'random-and-varying': 'the ports of one side are random, and the other side has another one for each that it tries',
  'same-nat': 'both sides are behind one NAT',
  'no-hairpin': 'both sides are behind one NAT, which does not turn packets around',
  'no-udp': 'UDP does not get through on one side',
  'no-tcp': 'TCP does not get through on one side',
  'no-common-family': 'one side has IPv4 only, and the other one IPv6 only',
  'not-allowed': 'it was not among the techniques that are allowed',
  'needs-link': 'it takes a node of ours on the other side too',
  'suits-not': 'it does not suit the two networks'
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
