import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Endpoint } from '../../src/core/machine.ts'
import { secureRandom } from '../../src/core/random.ts'
import { stunRequest } from '../../src/core/stun-transaction.ts'

/** Sockets that ask at once, as if each were a client, and requests of each under way. */
const SOCKETS = 32
const WINDOW = 16
/** A request that was lost is replaced by another after so long. */
const LOST_MS = 100

/** Binding requests as fast as they are answered. @returns how many were */
export async function load(to: Endpoint, seconds: number): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => connected(to)))
  let answered = 0
  const quiet = sockets.map(() => 0)
  for (const [i, socket] of sockets.entries()) {
    socket.on('message', bytes => {
      // a success of the method binding
      if (bytes[0] !== 1 || bytes[1] !== 1) throw new Error(`no answer: ${bytes.toString('hex')}`)
      answered++
      quiet[i] = 0
      socket.send(stunRequest(secureRandom))
    })
    // before the server listens, and after it has ended
    socket.on('error', () => {})
  }
  const fill = () => {
    for (const [i, socket] of sockets.entries()) {
      if (quiet[i]!++ === 0) continue
      for (let n = 0; n < WINDOW; n++) socket.send(stunRequest(secureRandom))
    }
  }
  quiet.fill(1)
  fill()
  const timer = setInterval(fill, LOST_MS)
  await new Promise(resolve => setTimeout(resolve, seconds * 1_000))
  clearInterval(timer)
  for (const socket of sockets) socket.removeAllListeners('message').close()
  return answered
}

async function connected(to: Endpoint): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  socket.connect(to.port, to.address)
  await once(socket, 'connect')
  return socket
}
