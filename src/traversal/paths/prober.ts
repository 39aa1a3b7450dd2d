import { Allowance } from '../../core/allowance.ts'
import type { Random } from '../../core/random.ts'
import type { Path } from '../../socket/path.ts'
import type { TechniqueName } from '../attempt.ts'
import type { CheckKeys } from './api.ts'
import { answeredId, type Check, checkId, checkNumber, encodeAnswer, encodeRequest, readCheck } from './checks.ts'
import { type Known, keyOf } from './known.ts'
import { HOST_ALLOWANCE, LIMITS, LINK_ALLOWANCE, READ_ALLOWANCE } from './limits.ts'
import type { Outbox } from './outbox.ts'
import { ReplayWindow } from './replay.ts'

interface Outstanding {
  readonly key: string
  readonly sentAtMs: number
  readonly nomination: number | undefined
}

export interface Answered extends Outstanding {
  readonly rttMs: number
}

/** A check of a technique's that may yet be answered. */
interface Probe {
  readonly path: Path
  readonly technique: TechniqueName
  readonly sentAtMs: number
}

export interface ProberInit {
  readonly keys: CheckKeys
  readonly tag: number
  readonly random: Random
  readonly out: Outbox
  /** Shared by all links of a node. */
  readonly bystanders: Allowance
}

/** Hosts that have proved themselves; an honest peer has a handful of addresses. */
const MAX_PROVEN = 64

/** Sends checks and answers, and knows what it hears: its own answers, their new checks, and nothing else. */
export class Prober {
  readonly #init: ProberInit
  readonly #outstanding = new Map<string, Outstanding>()
  /** The oldest first. */
  readonly #probes = new Map<string, Probe>()
  readonly #heard = new ReplayWindow()
  readonly #proven = new Set<string>()
  readonly #perHost = new Allowance(HOST_ALLOWANCE)
  readonly #perLink = new Allowance(LINK_ALLOWANCE)
  readonly #readable = new Allowance(READ_ALLOWANCE)
  #count = 0

  constructor(init: ProberInit) {
    this.#init = init
  }

  /** How much is remembered: bounded, whatever happens. */
  get size(): number {
    return this.#outstanding.size + this.#probes.size + this.#proven.size + this.#perHost.size
  }

  /** One check by that path. @returns false when its host has had enough without an answer */
  ask(known: Known, nowMs: number): boolean {
    if (!this.#mayHear(known.host, nowMs)) return false
    const { keys, tag, random, out } = this.#init
    const id = checkId(tag, ++this.#count, random.bytes(4))
    const { key, path, nomination } = known
    out.send(path, encodeRequest(keys, id, nomination))
    known.askedAtMs = nowMs
    this.#outstanding.set(textOf(id), { key, sentAtMs: nowMs, nomination })
    for (const [oldest, { sentAtMs }] of this.#outstanding) {
      if (this.#outstanding.size <= LIMITS.outstanding && nowMs - sentAtMs <= LIMITS.answerMs) break
      this.#outstanding.delete(oldest)
    }
    return true
  }

  /** One check by a path that nobody knows yet. Their number is the technique's business, and the node's. */
  probe(path: Path, technique: TechniqueName, nowMs: number): void {
    const { keys, tag, random, out } = this.#init
    const id = checkId(tag, ++this.#count, random.bytes(4))
    out.send(path, encodeRequest(keys, id, undefined))
    this.#probes.set(textOf(id), { path, technique, sentAtMs: nowMs })
    for (const [oldest, { sentAtMs }] of this.#probes) {
      if (this.#probes.size <= LIMITS.probes && nowMs - sentAtMs <= LIMITS.answerMs) break
      this.#probes.delete(oldest)
    }
  }

  /** An answer by a path that nobody knows yet: from now on it is a check like any other. @returns whose probe it answers */
  probed(id: Uint8Array, from: Path): Pick<Probe, 'path' | 'technique'> | undefined {
    const text = textOf(id)
    const probe = this.#probes.get(text)
    if (probe == null || keyOf(probe.path) !== keyOf(from)) return undefined
    this.#probes.delete(text)
    this.#outstanding.set(text, { key: keyOf(from), sentAtMs: probe.sentAtMs, nomination: undefined })
    return probe
  }

  /** Answers a check of theirs. The host may be the victim of a forged source: it gets no more than it does from our own checks. */
  answer(known: Known, id: Uint8Array, nowMs: number): void {
    if (!this.#mayHear(known.host, nowMs)) return
    const { path } = known
    const mapped = path.kind === 'udp' ? path.remote : undefined
    this.#init.out.send(path, encodeAnswer(this.#init.keys, id, mapped))
  }

  /** What a STUN message says. Undefined when it is none of this link, was heard before, or comes too fast. */
  read(bytes: Uint8Array, from: Path, nowMs: number): Check | undefined {
    const answers = answeredId(bytes)
    if (answers != null && !this.#awaits(textOf(answers))) return undefined
    if (!this.#readable.take(this.#sourceOf(from), nowMs)) return undefined
    const check = readCheck(bytes, this.#init.keys)
    if (check?.type === 'request' && !this.#heard.take(checkNumber(check.id))) return undefined
    return check
  }

  /** The check of ours that it answers, once, and only from where that went to. */
  answered(id: Uint8Array, from: Path, nowMs: number): Answered | undefined {
    const text = textOf(id)
    const asked = this.#outstanding.get(text)
    if (asked == null || asked.key !== keyOf(from)) return undefined
    this.#outstanding.delete(text)
    const rttMs = nowMs - asked.sentAtMs
    return rttMs > LIMITS.answerMs ? undefined : { ...asked, rttMs }
  }

  /** Somebody with the link's key is there. */
  proved(host: string | undefined): void {
    if (host == null) return
    this.#proven.delete(host)
    this.#proven.add(host)
    if (this.#proven.size <= MAX_PROVEN) return
    for (const oldest of this.#proven) {
      this.#proven.delete(oldest)
      return
    }
  }

  #awaits(id: string): boolean {
    return this.#outstanding.has(id) || this.#probes.has(id)
  }

  /** Who shares an allowance: strangers have one in all, so that their forgeries do not crowd out whom we know. */
  #sourceOf(from: Path): string {
    if (from.kind === 'pipe') return `pipe ${from.pipe}`
    return this.#proven.has(from.remote.address) ? from.remote.address : 'strangers'
  }

  #mayHear(host: string | undefined, nowMs: number): boolean {
    if (host == null || this.#proven.has(host)) return true
    const ours = this.#perHost.take(host, nowMs) && this.#perLink.take('', nowMs)
    return ours && this.#init.bystanders.take(host, nowMs)
  }
}

function textOf(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1')
}
