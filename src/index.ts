/** What a program needs: a node, its links, and the errors that they end with. */
export { type ErrorCode, NatError } from './core/errors.ts'
export type { NetworkReachability } from './libp2p/autonat/index.ts'
export type { NetworkReport, TransportReport } from './nat/report.ts'
export type { ExamineOptions } from './node/examine.ts'
export type { HubOption, HubWithToken } from './node/hub-tokens.ts'
export { defaultKeyFile, loadKey } from './node/key.ts'
export type { Link, LinkEvents } from './node/link.ts'
export {
  type ConnectOptions,
  createNode,
  type Node,
  type NodeEvents,
  type NodeOptions,
  type StreamHandler
} from './node/node.ts'
export type { LinkPath } from './node/path.ts'
export type { PeerWhereabouts } from './node/peer-watch.ts'
export type { HubRegistered } from './node/rendezvous.ts'
export type { Watch, WatchEvents } from './node/watch.ts'
export type { Mapped } from './portmap/index.ts'
export type { Attempt, Reason, TechniqueName } from './traversal/attempt.ts'
export { explanationText } from './traversal/explain/text.ts'
export { type Explanation, explanationIn } from './traversal/explain.ts'
export type {
  AttemptContext,
  AttemptResult,
  Fit,
  ForeignAttempt,
  LinkAttempt,
  Technique
} from './traversal/technique.ts'
export type { NetworkSummary, TransportSummary } from './wire/summary.ts'
