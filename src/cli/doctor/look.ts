import { clean, wrap } from '../../core/text.ts'
import type { Colors } from '../output.ts'

/** How the page is to look where it is shown. */
export interface Look {
  readonly columns: number
  /** Lines, marks and arrows; else ASCII. */
  readonly unicode: boolean
  readonly colors: Colors
}

/** What a line says: it works; it does not; it is not known; it is neither good nor bad. */
export type Mark = 'yes' | 'no' | 'unknown' | 'note'

const MARKS = {
  unicode: { yes: '✓', no: '✗', unknown: '?', note: '·' },
  ascii: { yes: 'yes', no: 'no ', unknown: '?  ', note: '-  ' }
} as const satisfies Record<string, Record<Mark, string>>

/** Where nobody has said how wide a terminal is, its width is given as 0. */
export const DEFAULT_COLUMNS = 80
export const LABEL_WIDTH = 20
/** Wider lines are hard to read. */
const MAX_COLUMNS = 100
/** Below it there is no room beside the labels; the terminal folds the lines. */
const MIN_COLUMNS = 50

/**
 * @param stream  where the page goes
 * @param env  names the locale, and a terminal that has no such characters
 */
export function lookOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: Readonly<Record<string, string | undefined>>,
  colors: Colors
): Look {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  const utf8 = process.platform === 'win32' || /utf-?8/i.test(locale)
  // the consoles of Linux and of the oldest terminals have boxes, and no check marks
  const able = env['TERM'] !== 'linux' && env['TERM'] !== 'dumb'
  return {
    columns: Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, stream.columns || DEFAULT_COLUMNS)),
    unicode: stream.isTTY === true && utf8 && able,
    colors
  }
}

/** `mark  label  text`, the text folded beside the label. */
export function row(look: Look, mark: Mark, label: string, text: string): string[] {
  const { green, red, yellow, dim } = look.colors
  const paint = { yes: green, no: red, unknown: yellow, note: dim }[mark]
  const sign = MARKS[look.unicode ? 'unicode' : 'ascii'][mark]
  const indent = 2 + sign.length + 1 + LABEL_WIDTH + 1
  const [first = '', ...rest] = wrap(text, look.columns - indent)
  return [
    `  ${paint(sign)} ${clean(label).padEnd(LABEL_WIDTH)} ${first}`.trimEnd(),
    ...rest.map(line => `${' '.repeat(indent)}${line}`)
  ]
}
