import type { Cell } from './matrix.ts'
import type { Outcome, Timings } from './run-cell.ts'

export interface Result {
  readonly cell: Cell
  readonly outcomes: readonly Outcome[]
}

export function hasFailed({ outcomes }: Result): boolean {
  return outcomes.some(({ ok }) => !ok)
}

/** A Markdown table: a row per cell, times in milliseconds, as median (and worst). */
export function table(results: readonly Result[]): string {
  const rows = results.map(({ cell, outcomes }) => {
    const passed = outcomes.flatMap(outcome => (outcome.ok ? [outcome.timings] : []))
    const ratio = `${passed.length}/${outcomes.length}`
    const times = [summary(passed, 'handshakeMs'), summary(passed, 'fromDialMs')]
    return [cell.dialer, cell.listener, cell.relay, cell.transport, ratio, ...times]
  })
  return [HEAD, HEAD.map((_, i) => (i < 4 ? '---' : '---:')), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}

const HEAD = ['dialer', 'listener', 'relay', 'transport', 'passed', 'DCUtR to direct', 'dial to direct']

function summary(timings: readonly Timings[], key: keyof Timings): string {
  const values = timings.map(timing => timing[key]).sort((a, b) => a - b)
  if (values.length === 0) return '-'
  const median = (values[(values.length - 1) >> 1]! + values[values.length >> 1]!) / 2
  return values.length === 1 ? median.toFixed(0) : `${median.toFixed(0)} (${values.at(-1)!.toFixed(0)})`
}
