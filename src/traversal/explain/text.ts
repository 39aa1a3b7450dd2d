import { clean, wrap } from '../../core/text.ts'
import type { Attempt, TechniqueName } from '../attempt.ts'
import type { Explanation } from '../explain.ts'
import { latest, sentence } from './conclusion.ts'
import { HELP, type Help } from './help.ts'
import { lookupTexts } from './lookups.ts'
import { networkText } from './network.ts'

type Paint = Readonly<Record<'bold' | 'dim' | 'green' | 'red' | 'yellow', (text: string) => string>>

export interface TextStyle {
  /** What is longer is folded at its spaces. */
  readonly columns: number
  readonly paint: Paint
}

const as = (text: string) => text
const PLAIN: TextStyle = {
  columns: Number.POSITIVE_INFINITY,
  paint: { bold: as, dim: as, green: as, red: as, yellow: as }
}

/** What became of a technique, in the words of a table. */
interface Row {
  readonly technique: TechniqueName
  readonly state: Attempt['outcome'] | 'waiting'
  readonly took: string
  readonly text: string
}

const PAINTS = { ok: 'green', failed: 'red', skipped: 'dim', waiting: 'yellow' } as const

/** An explanation for people: what it comes to, the two networks, a line for each technique, and what would help. */
export function explanationText(explanation: Explanation, style: TextStyle = PLAIN): string {
  const { bold } = style.paint
  const { conclusion, help } = explanation
  const blocks = [wrap(conclusion.text, style.columns).map(bold), networks(explanation, style)]
  blocks.push(techniques(explanation, style))
  blocks.push(lookups(explanation, style))
  if (help.length > 0) blocks.push([bold('What would help'), ...remedies(help, style)])
  return blocks
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')
}

function networks({ mine, theirs }: Explanation, { columns }: TextStyle): string[] {
  if (mine == null && theirs == null) return []
  return [
    ...labelled('  your network   ', networkText(mine), columns),
    ...labelled('  their network  ', networkText(theirs), columns)
  ]
}

function techniques(explanation: Explanation, { columns, paint }: TextStyle): string[] {
  const rows = rowsOf(explanation)
  const nameWidth = Math.max(10, ...rows.map(({ technique }) => clean(technique).length))
  return rows.flatMap(({ technique, state, took, text }) => {
    const name = clean(technique).padEnd(nameWidth)
    const label = (shown: string) => `  ${name}  ${shown}${' '.repeat(7 - state.length)}  ${took.padStart(7)}  `
    return labelled(label(state), text, columns, label(paint[PAINTS[state]](state)))
  })
}

/** Those of the plan as they were to begin, then what was tried without one. */
function rowsOf({ plan, attempts }: Explanation): Row[] {
  const last = new Map(latest({ attempts }).map(attempt => [attempt.technique, attempt]))
  const planned = plan.map(({ technique, action, why }): Row => {
    const attempt = last.get(technique)
    if (attempt != null) return rowOf(attempt, timesOf(attempt, attempts))
    return { technique, state: action === 'take' ? 'waiting' : 'skipped', took: '', text: `${why}: ${sentence(why)}` }
  })
  const names = new Set(plan.map(({ technique }) => technique))
  const others = [...last.values()].filter(({ technique }) => !names.has(technique))
  return [...planned, ...others.map(attempt => rowOf(attempt, timesOf(attempt, attempts)))]
}

/** A link goes on trying. */
function timesOf({ technique, outcome, reason }: Attempt, attempts: readonly Attempt[]): number {
  return attempts.filter(each => each.technique === technique && each.outcome === outcome && each.reason === reason)
    .length
}

function rowOf({ technique, outcome, reason, ms, detail }: Attempt, times: number): Row {
  const took = outcome === 'skipped' ? '' : durationText(ms)
  const more = detail == null || outcome !== 'failed' ? '' : ` (${detail})`
  const again = times > 1 && outcome === 'failed' ? `, ${times === 2 ? 'twice' : `${times} times`}` : ''
  return {
    technique,
    state: outcome,
    took,
    text: outcome === 'ok' ? '' : `${reason}${again}: ${sentence(reason)}${more}`
  }
}

function durationText(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`
}

/** Whose answer was not used is named. */
function lookups({ lookups, path }: Explanation, { columns, paint }: TextStyle): string[] {
  return lookupTexts(lookups, path != null).flatMap(text => {
    return labelled('  looked up  ', text, columns, `  ${paint.yellow('looked up')}  `)
  })
}

const WHERE = { mine: 'here', theirs: 'there', hub: 'hub' } as const

/** What both sides may do is one line. */
function remedies(help: readonly Help[], { columns, paint }: TextStyle): string[] {
  const lines = new Map(help.map(each => [each.code, help.filter(({ code }) => code === each.code)]))
  return [...lines].flatMap(([code, [first, second]]) => {
    if (first == null) return []
    const both = HELP[code].takes === 'one' ? 'either side' : 'both sides'
    const where = (second == null ? WHERE[first.where] : both).padEnd(11)
    return labelled(`  ${where}  `, first.text, columns, `  ${paint.yellow(where)}  `)
  })
}

/** A text beside its label, folded there. @param shown the label in colours */
function labelled(label: string, text: string, columns: number, shown = label): string[] {
  const [first = '', ...rest] = wrap(text, columns - label.length)
  return [`${shown}${first}`.trimEnd(), ...rest.map(line => `${' '.repeat(label.length)}${line}`)]
}
