/** What takes part. `js` is this project. */
export const IMPLEMENTATIONS = ['js', 'go', 'rust'] as const
export type Implementation = (typeof IMPLEMENTATIONS)[number]

export const TRANSPORTS = ['tcp', 'quic-v1'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface Cell {
  readonly dialer: Implementation
  readonly listener: Implementation
  readonly relay: Implementation
  readonly transport: Transport
}

/** Which cells to run; what is left out means all. */
export type Filter = { readonly [Part in keyof Cell]?: readonly string[] }

/** js punches over QUIC only: it has no TCP punching yet. */
const OURS: readonly Transport[] = ['quic-v1']

/**
 * All pairs over all relays where we take part. Pairs of the others are the reference for times, so one relay is enough:
 * that of the dialer's implementation.
 */
export function matrix(filter: Filter = {}): Cell[] {
  const cells: Cell[] = []
  for (const transport of TRANSPORTS) {
    for (const dialer of IMPLEMENTATIONS) {
      for (const listener of IMPLEMENTATIONS) {
        const isOurs = dialer === 'js' || listener === 'js'
        if (isOurs && !OURS.includes(transport)) continue
        for (const relay of isOurs ? IMPLEMENTATIONS : [dialer]) cells.push({ dialer, listener, relay, transport })
      }
    }
  }
  return cells.filter(cell => TAKES.every(part => filter[part]?.includes(cell[part]) ?? true))
}

const TAKES = ['dialer', 'listener', 'relay', 'transport'] as const

/** The implementations that these cells need, in the order of the list above. */
export function needed(cells: readonly Cell[]): Implementation[] {
  return IMPLEMENTATIONS.filter(name => cells.some(cell => participants(cell).includes(name)))
}

export function participants({ dialer, listener, relay }: Cell): Implementation[] {
  return [dialer, listener, relay]
}

export function cellName({ dialer, listener, relay, transport }: Cell): string {
  return `${dialer} x ${listener} (${transport}, relay ${relay})`
}
