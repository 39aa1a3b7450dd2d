/** What docs/grid.json holds, out of which docs/grid.md and docs/grid.svg are made. */
export interface Grid {
  readonly measured: string
  readonly delayMs: number
  readonly places: readonly string[]
  /** By where who dials is, and in each by where who is dialled is, in the order of the places. */
  readonly cells: readonly (readonly Cell[])[]
  readonly neighbours: readonly (Cell & { readonly name: string })[]
}

/** Medians of the connects of one pair, in whole milliseconds. */
export interface Cell {
  readonly connects: number
  readonly connected: number
  readonly direct: number
  /** Those that were direct, the commonest first; else why not. */
  readonly by: readonly string[]
  readonly firstByteMs: number | null
  readonly directMs: number | null
  /** First byte of a connect without any technique but the relay, in the same run. */
  readonly relayFirstByteMs: number | null
}
