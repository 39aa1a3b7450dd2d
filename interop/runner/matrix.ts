/** What takes part. `js` is this project; `go-0.40` is the last go-libp2p that punches with its roles swapped. */
export const IMPLEMENTATIONS = ['js', 'go', 'rust', 'go-0.40'] as const
export type Implementation = (typeof IMPLEMENTATIONS)[number]

export const RELAYS = ['js', 'go', 'rust'] as const satisfies readonly Implementation[]
type Relay = (typeof RELAYS)[number]

export const TRANSPORTS = ['tcp', 'quic-v1'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface Cell {
  readonly dialer: Implementation
  readonly listener: Implementation
  readonly relay: Relay
  readonly transport: Transport
}

/** Which cells to run; what is left out means all. */
export type Filter = { readonly [Part in keyof Cell]?: readonly string[] }

/** Every pair with js in it, and the others among each other as the reference for times. */
export function matrix(filter: Filter = {}): Cell[] {
  const cells = TRANSPORTS.flatMap(transport =>
    IMPLEMENTATIONS.flatMap(dialer =>
      IMPLEMENTATIONS.flatMap(listener =>
        relays(dialer, listener).map(relay => ({ dialer, listener, relay, transport }))
      )
    )
  )
  return cells.filter(cell => TAKES.every(part => filter[part]?.includes(cell[part]) ?? true))
}

/** The relays that a pair meets at. */
function relays(dialer: Implementation, listener: Implementation): readonly Relay[] {
  const isOurs = dialer === 'js' || listener === 'js'
  const isOld = dialer === 'go-0.40' || listener === 'go-0.40'
  if (!isOurs) return isOld ? [] : [dialer]
  // its observed address must come without a peer id at its end, and that is how js-libp2p's identify sends it
  return isOld ? ['go'] : RELAYS
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
