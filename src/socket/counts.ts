/** What a data plane counts, from its beginning: none of these ever decreases. */
export interface Counts {
  droppedUnknown: number
  droppedNoListener: number
  droppedTableFull: number
  /** Early packets that found their flow's queue full. */
  droppedEarly: number
  /** Packets that the system did not take, or whose socket is closed. */
  droppedSend: number
  /** Datagrams for a pipe that is closed, too long for one, or more than the main thread takes. */
  droppedPipe: number
  stun: number
  /** STUN that the main thread was too busy to hear of. */
  droppedStun: number
  /** Datagrams that were sent by a second path, too. */
  mirrored: number
  /** Datagrams that waited after a change of path. */
  held: number
  /** How often so many waited that all of them left early. */
  cutHolds: number
}

export const newCounts = (): Counts => ({
  droppedUnknown: 0,
  droppedNoListener: 0,
  droppedTableFull: 0,
  droppedEarly: 0,
  droppedSend: 0,
  droppedPipe: 0,
  stun: 0,
  droppedStun: 0,
  mirrored: 0,
  held: 0,
  cutHolds: 0
})
