import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { withDeadline } from '../../core/deadline.ts'
import { NatError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import {
  decodeTcpHello,
  decodeTcpProof,
  encodeTcpHello,
  encodeTcpProof,
  TCP_HELLO_FRAME_BYTES,
  TCP_NONCE_BYTES,
  TCP_PROOF_FRAME_BYTES,
  type TcpRole,
  tcpProofInput
} from '../../wire/tcp-proof.ts'
import { readExactly } from './read.ts'

/** From connected to proven: two round trips, and what is lost of them on a bad network (RFC 6298: a second for the first loss). */
const PROOF_MS = 3_000

/** By which keys the two ends of a link know each other; those of its path checks have this shape. */
export interface ProofKeys {
  /** The link's id, 16 hexadecimal digits. */
  readonly link: string
  readonly mine: Uint8Array
  readonly theirs: Uint8Array
}

export interface Proving {
  readonly keys: ProofKeys
  readonly role: TcpRole
  /** The client's choice among connections that have proven themselves; it is asked last. */
  readonly choose: () => boolean
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

/** The other side is who it should be, and another connection was chosen. */
export class NotChosen extends Error {
  override readonly name = 'NotChosen'
}

/**
 * Makes certain that the other end of a new connection is the other side of the link, and not a stranger at a reused address:
 * HELLO each way, then the server's PROOF, then the client's on the connection that it chooses. What the client sends
 * behind its PROOF waits in the socket, which is paused.
 *
 * @param first  whether we send the first HELLO; a listener waits to be told which link it is
 * @throws NatError MALFORMED, WRONG_PEER, TIMEOUT; NotChosen; what the socket failed with; the signal's reason
 */
export async function prove(socket: Socket, proving: Proving, first: boolean): Promise<void> {
  const { keys, role, choose, clock, random, signal } = proving
  const link = Buffer.from(keys.link, 'hex')
  const nonce = random.bytes(TCP_NONCE_BYTES)
  const sayHello = () => socket.write(encodeTcpHello({ role, link, nonce }))

  await withDeadline(clock, PROOF_MS, 'the proof of a TCP connection', signal, async within => {
    if (first) sayHello()
    const theirs = decodeTcpHello(await readExactly(socket, TCP_HELLO_FRAME_BYTES, within))
    if (theirs.role === role || !link.equals(theirs.link)) {
      throw new NatError('WRONG_PEER', `the ${theirs.role} of another link is at this address`)
    }
    if (!first) sayHello()
    const [client, server] = role === 'client' ? [nonce, theirs.nonce] : [theirs.nonce, nonce]
    const mac = (sender: TcpRole) =>
      createHmac('sha256', sender === role ? keys.mine : keys.theirs)
        .update(tcpProofInput(link, sender, client, server))
        .digest()
    const sayProof = () => socket.write(encodeTcpProof(mac(role)))

    if (role === 'server') sayProof()
    const proof = decodeTcpProof(await readExactly(socket, TCP_PROOF_FRAME_BYTES, within))
    if (!timingSafeEqual(proof, mac(theirs.role))) {
      throw new NatError('WRONG_PEER', "the other end of a TCP connection does not have the link's keys")
    }
    if (!choose()) throw new NotChosen('another connection was faster')
    if (role === 'client') sayProof()
  })
}
