import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { NatError } from '../core/errors.ts'

/** @throws NatError BAD_ADDRESS */
export function parsePeer(id: string): PeerId {
  try {
    return peerIdFromString(id)
  } catch (cause) {
    throw new NatError('BAD_ADDRESS', `${id} is not a peer id: it looks like 12D3Koo…, and \`beeline up\` prints it`, {
      cause
    })
  }
}
