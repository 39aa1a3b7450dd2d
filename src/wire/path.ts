import {
  candidateList,
  candidateTypes,
  type PathCandidate,
  readCandidates,
  type WireCandidate,
  writeCandidates
} from './candidate.ts'
import { count, malformed } from './fields.ts'
import {
  type Agreement,
  checkedAgreement,
  checkedPlan,
  checkedTechnique,
  type PlanProposal,
  planTypes,
  type TechniqueMessage,
  type WireAgreement,
  type WirePlan,
  type WireTechnique
} from './plan.ts'
import { type Codec, protobufCodec } from './protobuf.ts'
import { type NetworkSummary, summaryCodec } from './summary.ts'

export { type CandidateKind, MAX_CANDIDATES, type PathCandidate } from './candidate.ts'

/** Path agreement, over the link itself. docs/path-protocol.md */
export const PATH_PROTOCOL = '/beeline/path/1.0.0'

export type PathMessage =
  /** All candidates that the sender has now. Of two lists the one with the higher number counts. */
  | { readonly type: 'CANDIDATES'; readonly seq: number; readonly candidates: readonly PathCandidate[] }
  /**
   * A simultaneous TCP connect. The side that decides asks, the other answers with the same round: the one begins when the answer
   * has come, the other half a round trip after it has left.
   */
  | { readonly type: 'PUNCH_TCP'; readonly round: number; readonly candidates: readonly PathCandidate[] }
  /** What the sender knows of its network now. Of two the one with the higher number counts; the offer's has 0. */
  | { readonly type: 'REPORT'; readonly seq: number; readonly summary: NetworkSummary }
  | ({ readonly type: 'PLAN' } & PlanProposal)
  | ({ readonly type: 'AGREE' } & Agreement)
  | ({ readonly type: 'TECHNIQUE' } & TechniqueMessage)
  /** What a later version says. It is read, so that versions can differ, and never written. */
  | { readonly type: 'UNKNOWN' }

interface WireMessage {
  readonly candidates?: { readonly seq?: number; readonly candidates: readonly WireCandidate[] }
  readonly punchTcp?: { readonly round?: number; readonly candidates: readonly WireCandidate[] }
  readonly report?: { readonly seq?: number; readonly summary?: Uint8Array }
  readonly plan?: WirePlan
  readonly agree?: WireAgreement
  readonly technique?: WireTechnique
}

const counter = (id: number) => ({ type: 'uint64', id })

const definition = {
  nested: {
    ...candidateTypes,
    PathMessage: {
      edition: 'proto2',
      fields: {
        candidates: { type: 'Candidates', id: 1 },
        punchTcp: { type: 'PunchTcp', id: 2 },
        report: { type: 'Report', id: 3 },
        plan: { type: 'Plan', id: 4 },
        agree: { type: 'Agree', id: 5 },
        technique: { type: 'Technique', id: 6 }
      },
      nested: {
        Candidates: { edition: 'proto2', fields: { seq: counter(1), candidates: candidateList(2) } },
        PunchTcp: { edition: 'proto2', fields: { round: counter(1), candidates: candidateList(2) } },
        // the same bytes as with the message itself here
        Report: { edition: 'proto2', fields: { seq: counter(1), summary: { type: 'bytes', id: 2 } } },
        ...planTypes
      }
    }
  }
}

const messages = protobufCodec<WireMessage>(definition, 'PathMessage')

export const pathMessageCodec: Codec<PathMessage> = {
  encode(message) {
    switch (message.type) {
      case 'CANDIDATES':
        return messages.encode({
          candidates: { seq: count(message.seq), candidates: writeCandidates(message.candidates) }
        })
      case 'PUNCH_TCP':
        return messages.encode({
          punchTcp: { round: count(message.round), candidates: writeCandidates(message.candidates) }
        })
      case 'REPORT':
        return messages.encode({ report: { seq: count(message.seq), summary: summaryCodec.encode(message.summary) } })
      case 'PLAN':
        return messages.encode({ plan: checkedPlan(message) })
      case 'AGREE':
        return messages.encode({ agree: checkedAgreement(message) })
      case 'TECHNIQUE':
        return messages.encode({ technique: checkedTechnique(message) })
      case 'UNKNOWN':
        throw malformed('a path message of no known type')
      default:
        return message satisfies never
    }
  },
  decode(input) {
    const said = messages.decode(input)
    const { candidates, punchTcp, report, plan, agree, technique } = said
    if (Object.keys(said).length > 1) throw malformed('two path messages in one')
    if (candidates != null) {
      return { type: 'CANDIDATES', seq: count(candidates.seq), candidates: readCandidates(candidates.candidates) }
    }
    if (punchTcp != null) {
      return { type: 'PUNCH_TCP', round: count(punchTcp.round), candidates: readCandidates(punchTcp.candidates) }
    }
    if (report != null) {
      if (report.summary == null) throw malformed('a report of nothing')
      return { type: 'REPORT', seq: count(report.seq), summary: summaryCodec.decode(report.summary) }
    }
    if (plan != null) return { type: 'PLAN', ...checkedPlan(plan) }
    if (agree != null) return { type: 'AGREE', ...checkedAgreement(agree) }
    if (technique != null) return { type: 'TECHNIQUE', ...checkedTechnique(technique) }
    return { type: 'UNKNOWN' }
  }
}
