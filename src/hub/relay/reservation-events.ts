/** What happens to reservations, each with the peer's id as text: for whoever keeps something of the peer's for as long as it has one. */
export type ReservationEvents = {
  /** There is one, or it was renewed. */
  granted: string
  /** It ran out, or the peer is not connected any more. A hub that stops says nothing. */
  ended: string
}
