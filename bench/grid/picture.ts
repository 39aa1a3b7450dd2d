import type { Cell, Grid } from './figures.ts'

const CELL = { width: 74, height: 40 } as const
const LEFT = 160
const TOP = 120
/** The last name leans over. */
const RIGHT = 70
const FONT = 'font-family="system-ui, sans-serif"'

/** What is direct by the same means has one colour. */
const COLORS: Readonly<Record<string, string>> = {
  direct: '#2e9e5b',
  reverse: '#46ad6c',
  local: '#6cbf84',
  'punch-quic': '#7cc6a4',
  'punch-tcp': '#8fb8d8',
  predict: '#f0c75e',
  birthday: '#eda35b'
}
const RELAYED = '#e4e4e7'

/** docs/grid.svg. Pure. */
export function gridPicture({ places, cells }: Grid): string {
  const width = LEFT + places.length * CELL.width + RIGHT
  const height = TOP + places.length * CELL.height + 10
  const heads = places.map((place, column) => {
    const x = LEFT + column * CELL.width + CELL.width / 2
    return `<text x="${x}" y="${TOP - 8}" transform="rotate(-35 ${x} ${TOP - 8})" font-size="12">${escaped(place)}</text>`
  })
  const rows = places.map((place, row) => {
    const y = TOP + row * CELL.height
    const name = `<text x="${LEFT - 8}" y="${y + 24}" text-anchor="end" font-size="12">${escaped(place)}</text>`
    return [name, ...cells[row]!.map((cell, column) => square(cell, LEFT + column * CELL.width, y))].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ${FONT}>
<title>Every place against every other one: by what they are direct, and after how many milliseconds</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="10" y="20" font-size="12" fill="#71717a">from top to bottom: who dials</text>
<text x="10" y="38" font-size="12" fill="#71717a">from left to right: who is dialled</text>
${heads.join('\n')}
${rows.join('\n')}
</svg>
`
}

function square({ by, direct, directMs }: Cell, x: number, y: number): string {
  const [technique = 'relay'] = direct > 0 ? by : []
  const middle = x + CELL.width / 2
  const ms =
    direct > 0 ? `<text x="${middle}" y="${y + 31}" text-anchor="middle" font-size="10">${directMs} ms</text>` : ''
  const line = direct > 0 ? y + 17 : y + 24
  return `<rect x="${x}" y="${y}" width="${CELL.width - 2}" height="${CELL.height - 2}" rx="3" fill="${direct > 0 ? (COLORS[technique] ?? '#cccccc') : RELAYED}"/>
<text x="${middle}" y="${line}" text-anchor="middle" font-size="11">${escaped(technique)}</text>${ms}`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
