import type { Random } from '../../src/core/random.ts'

export type Side = 'alice' | 'bob'

/** What is done to the network. */
export type Act =
  | { readonly do: 'nothing' }
  | { readonly do: 'flush-nat'; readonly of: Side }
  | { readonly do: 'block-udp'; readonly of: Side; readonly block: boolean }
  | { readonly do: 'move'; readonly who: Side }
  /** The two sites hear each other no more, only the hubs. */
  | { readonly do: 'set-apart'; readonly apart: boolean }
  /** The one that relayed last. */
  | { readonly do: 'kill-hub' }
  | { readonly do: 'start-hub' }

export interface Step {
  readonly name: string
  readonly act: Act
  /** By which path the stream has to go on. */
  readonly path: 'direct' | 'relay' | 'any'
  /** Nobody is told of it: the next search for a direct path finds out, and those come ever more seldom. */
  readonly isUntold?: true
}

/** Steps that belong together: after each group the network is whole again. */
const GROUPS = (someone: Side): readonly (readonly Step[])[] => [
  [{ name: "alice's NAT forgets", act: { do: 'flush-nat', of: 'alice' }, path: 'direct' }],
  [{ name: "bob's NAT forgets", act: { do: 'flush-nat', of: 'bob' }, path: 'direct' }],
  [
    { name: `UDP blocked at ${someone}'s NAT`, act: { do: 'block-udp', of: someone, block: true }, path: 'any' },
    { name: 'UDP open again', act: { do: 'block-udp', of: someone, block: false }, path: 'direct', isUntold: true }
  ],
  [{ name: 'alice moves to another network', act: { do: 'move', who: 'alice' }, path: 'direct' }],
  [{ name: 'bob moves to another network', act: { do: 'move', who: 'bob' }, path: 'direct' }],
  [
    { name: 'hub killed, link direct', act: { do: 'kill-hub' }, path: 'direct' },
    { name: 'that hub is back', act: { do: 'start-hub' }, path: 'direct' }
  ],
  [
    { name: 'no way between the sites', act: { do: 'set-apart', apart: true }, path: 'relay' },
    { name: 'hub in use killed', act: { do: 'kill-hub' }, path: 'relay' },
    { name: 'the hub in use is back', act: { do: 'start-hub' }, path: 'relay' },
    { name: 'a way between the sites again', act: { do: 'set-apart', apart: false }, path: 'direct', isUntold: true }
  ]
]

/** The stream begins, and the punch completes. */
export const FIRST: Step = { name: 'punch', act: { do: 'nothing' }, path: 'direct' }

/** One round: every group once, in an order that the seed decides. */
export function round(random: Random): (readonly Step[])[] {
  const left = [...GROUPS(random.int(0, 1) === 0 ? 'alice' : 'bob')]
  return Array.from({ length: left.length }, () => left.splice(random.int(0, left.length - 1), 1)[0]!)
}
