import { clean, wrap } from '../../core/text.ts'
import type { NetworkReport } from '../../nat/report.ts'
import type { Look } from './look.ts'
import { type Stage, wayOut } from './stages.ts'

const LINES = {
  unicode: {
    top: ['┌', '─', '┐'],
    side: '│',
    bottom: ['└', '─', '┘'],
    leave: '├',
    line: '─',
    heads: { passes: '▶', stops: '✗', unknown: '?' },
    down: { passes: '│', stops: '✗', unknown: '?' }
  },
  ascii: {
    top: ['+', '-', '+'],
    side: '|',
    bottom: ['+', '-', '+'],
    leave: '|',
    line: '-',
    heads: { passes: '>', stops: 'x', unknown: '?' },
    down: { passes: '|', stops: 'x', unknown: '?' }
  }
} as const

const INDENT = 2
/** Of the line between two boxes, its head included. */
const MAX_ARROW = 6
/** Of titles, where the stages stand under each other. */
const TITLE_WIDTH = 18

/** From this machine to the internet: boxes side by side where they fit, else a line for each. */
export function picture(report: NetworkReport, look: Look): string[] {
  const { stages, together } = wayOut(report)
  const shown = stages.map(stage => ({ ...stage, title: clean(stage.title), lines: stage.lines.map(clean) }))
  const below = together.length === 0 ? [] : wrap(`together: ${together.join(', ')}`, look.columns - INDENT)
  const pad = ' '.repeat(INDENT)
  return [...(boxes(shown, look) ?? list(shown, look)), ...below.map(line => `${pad}${look.colors.dim(line)}`)]
}

/** @returns undefined when they are wider than the terminal */
function boxes(stages: readonly Stage[], look: Look): string[] | undefined {
  const widths = stages.map(({ title, lines }) => Math.max(title.length, ...lines.map(line => line.length)))
  // two borders and two spaces each
  const room = look.columns - INDENT - widths.reduce((sum, width) => sum + width + 4, 0)
  const arrow = Math.min(MAX_ARROW, Math.floor(room / (stages.length - 1)))
  if (arrow < 1) return undefined
  const { top, bottom, side, leave, line, heads } = LINES[look.unicode ? 'unicode' : 'ascii']
  const { bold, dim, red, yellow, green } = look.colors
  const heights = stages.map(({ lines }) => lines.length + 1)
  const height = Math.max(...heights)
  const rows = Array.from({ length: height + 2 }, () => ' '.repeat(INDENT))
  for (const [index, { title, lines, onward }] of stages.entries()) {
    const width = widths[index]!
    const edge = ([from, across, to]: readonly [string, string, string]) =>
      dim(`${from}${across.repeat(width + 2)}${to}`)
    const paint = { passes: green, stops: red, unknown: yellow }[onward]
    const next = index < stages.length - 1
    for (const at of rows.keys()) {
      const gap = next ? ' '.repeat(arrow) : ''
      if (at === 0) rows[at] += edge(top) + gap
      else if (at === height + 1) rows[at] += edge(bottom) + gap
      else {
        const text = at === 1 ? bold(title.padEnd(width)) : (lines[at - 2] ?? '').padEnd(width)
        const leaves = next && at === 1
        const right = leaves ? dim(leave) + paint(line.repeat(arrow - 1) + heads[onward]) : dim(side) + gap
        rows[at] += `${dim(side)} ${text} ${right}`
      }
    }
  }
  return rows.map(each => each.trimEnd())
}

function list(stages: readonly Stage[], look: Look): string[] {
  const { down } = LINES[look.unicode ? 'unicode' : 'ascii']
  const { bold, red, yellow, green } = look.colors
  const pad = ' '.repeat(INDENT)
  return stages.flatMap(({ title, lines, onward }, index) => {
    const paint = { passes: green, stops: red, unknown: yellow }[onward]
    const [first = '', ...rest] = wrap(lines.join(', '), look.columns - INDENT - TITLE_WIDTH)
    const texts = [`${pad}${bold(title)}${' '.repeat(TITLE_WIDTH - title.length)}${first}`.trimEnd()]
    for (const line of rest) texts.push(`${pad}${' '.repeat(TITLE_WIDTH)}${line}`)
    return index === stages.length - 1 ? texts : [...texts, `${pad}  ${paint(down[onward])}`]
  })
}
