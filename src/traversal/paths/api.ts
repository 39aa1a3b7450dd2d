import type { Endpoint, Input } from '../../core/machine.ts'
import type { Path, SocketId } from '../../socket/path.ts'
import type { PathCandidate, PathMessage } from '../../wire/path.ts'
import type { Attempt, Reason, TechniqueName } from '../attempt.ts'

/** What carries a pipe's datagrams: a stream through a relay, or a punched TCP connection. */
export type PipeKind = 'relay' | 'tcp'

/** Why the link's packets go by another path than before. */
export const PATH_REASONS = {
  first: 'the path that the link began on',
  validated: 'a better path than the one in use has been validated both ways',
  better: 'a validated path has been better than the one in use for a while',
  nominated: 'the side that decides took it',
  silent: 'nothing came back by the path that was in use',
  gone: 'the path that was in use is gone: its socket, its relay or its TCP connection',
  refused: 'the packet switch has no room for the path that was to be used',
  'network-changed': 'our network changed, and the path that was in use went with it'
} as const

export type PathReason = keyof typeof PATH_REASONS

/** A path of the link, as the agent knows it. */
export interface KnownPath {
  readonly path: Path
  readonly kind: 'direct' | 'relay'
  readonly transport: 'udp' | 'tcp' | 'relay'
  /** Which technique found it. */
  readonly technique: TechniqueName
  /** Of the last answered check. Milliseconds; undefined before the first. */
  readonly rttMs: number | undefined
}

/** Which STUN keys a side of a link signs and expects: each side's requests, and the answers to them, have a key of their own. */
export interface CheckKeys {
  /** 16 hexadecimal digits: the USERNAME of every check. */
  readonly link: string
  readonly mine: Uint8Array
  readonly theirs: Uint8Array
}

/** A UDP socket of ours that checks may leave from. */
export interface LocalSocket {
  readonly socket: SocketId
  readonly family: 4 | 6
}

/** What a path agent is told. */
export type AgentInput =
  | Exclude<Input, { type: 'packet' }>
  /** A STUN message came by that path; the agent finds out itself whether it is one of its own. */
  | { readonly type: 'packet'; readonly bytes: Uint8Array; readonly from: Path }
  /** From the other side's agent, over the path stream. */
  | { readonly type: 'message'; readonly message: PathMessage }
  /** The path stream is there (again): the other side hears us by it. */
  | { readonly type: 'stream' }
  | { readonly type: 'sockets'; readonly sockets: readonly LocalSocket[] }
  /** All of our own candidates, as they are known now. */
  | { readonly type: 'candidates'; readonly candidates: readonly PathCandidate[] }
  /**
   * A pipe to the other side is there. `relay`: the relay's peer id. `remote`: `ip:port`. `rttMs`: the round trip to the other side by it, where
   * something has gone there and come back already. `costMs`: the round trip to the relay, as far as it is known.
   */
  | {
      readonly type: 'pipe'
      readonly pipe: number
      readonly kind: PipeKind
      readonly relay?: string
      readonly remote: string
      readonly rttMs?: number
      readonly costMs?: number
    }
  | { readonly type: 'pipe-gone'; readonly pipe: number }
  /** What became of a 'punch-tcp'. When it went well the connection follows as a pipe. */
  | {
      readonly type: 'punched'
      readonly ok: boolean
      readonly reason: Reason
      readonly ms: number
      readonly detail?: string
    }
  /**
   * What has moved since the last such input, at most twice a second and only when something did. `heard`: datagrams (other than STUN) that
   * came in by that path.
   */
  | {
      readonly type: 'traffic'
      readonly sent: number
      readonly heard: readonly { readonly path: Path; readonly count: number }[]
    }
  /**
   * The switch did not take that path: it has no room, or the path is gone. `validated`: not even as one that was answered, so that it cannot be
   * used.
   */
  | { readonly type: 'refused'; readonly path: Path; readonly validated: boolean }
  /** Addresses, default route or the clock changed: nothing that was known of our own network holds. */
  | { readonly type: 'network-changed' }
  /** The plan has (no more) a use for what that technique finds by checks of pairs, or by TCP. */
  | { readonly type: 'check'; readonly technique: TechniqueName; readonly on: boolean }
  /** An address of theirs that a technique knows of, beside the candidates: its pairs are checked, too. */
  | { readonly type: 'target'; readonly technique: TechniqueName; readonly to: Endpoint }
  /** Further sockets of ours, that a technique has opened: checks that come in by them count as found by it. All that it has, each time. */
  | { readonly type: 'technique-sockets'; readonly technique: TechniqueName; readonly sockets: readonly SocketId[] }
  /** One check from any socket to any address, beside all pairs; the caller sees to it that they are not too many. */
  | { readonly type: 'probe'; readonly technique: TechniqueName; readonly socket: SocketId; readonly to: Endpoint }

export type AgentEvent =
  /**
   * The switch is to take the link's packets from that path too, from now on; `refuse`: no longer. `validated`: a check of ours was answered by it; of
   * others nobody knows whether its address is forged. What cannot be done is told by a `refused`.
   */
  | { readonly type: 'accept'; readonly path: Path; readonly validated: boolean }
  | { readonly type: 'refuse'; readonly path: Path }
  /**
   * The link's packets leave by this path. `also`: and by that one as well, while it is not certain that they arrive. `holdMs`: hold
   * back what leaves next for so long, because the new path is that much faster and would overtake what is still on its way.
   */
  | { readonly type: 'use'; readonly path: Path; readonly also?: Path; readonly holdMs: number }
  /** The path in use has changed: for people. */
  | { readonly type: 'path'; readonly to: KnownPath; readonly from: KnownPath | undefined; readonly reason: PathReason }
  /** What came of the first round of checks by a technique that is checked, or of a TCP connect. */
  | { readonly type: 'attempt'; readonly attempt: Attempt }
  /** A path has been validated. */
  | { readonly type: 'found'; readonly technique: TechniqueName; readonly path: KnownPath }
  /** There is a direct path that nothing speaks against; or none any more. */
  | { readonly type: 'direct'; readonly on: boolean }
  /** There is no relayed path that works, or a second one is worth having: attach one. Told again with backoff until there is one. */
  | { readonly type: 'want-relay' }
  /** A pipe is not needed any more: it is dead, or another relay is better. */
  | { readonly type: 'drop-pipe'; readonly pipe: number }
  /** Begin a simultaneous TCP connect to these. The other side does so at the same moment. */
  | { readonly type: 'punch-tcp'; readonly candidates: readonly PathCandidate[]; readonly role: 'client' | 'server' }
  /** Nothing has come by any path for so long that the link is over. */
  | { readonly type: 'dead'; readonly reason: string }

export interface AgentStep {
  readonly send?: readonly { readonly path: Path; readonly bytes: Uint8Array }[]
  readonly messages?: readonly PathMessage[]
  readonly events?: readonly AgentEvent[]
  readonly wakeAtMs?: number
  readonly done?: boolean
}
