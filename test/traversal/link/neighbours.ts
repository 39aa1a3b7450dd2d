import type { Timer } from '../../../src/core/clock.ts'
import type { Endpoint } from '../../../src/core/machine.ts'
import { seededRandom } from '../../../src/core/random.ts'
import type { SimHost } from '../../../src/sim/index.ts'

/** Somebody else behind the same NAT, who makes so many mappings a second, at random times. @returns what stops it */
export function beBusy(host: SimHost, perSecond: number, to: Endpoint, seed: number): () => void {
  const random = seededRandom(seed)
  let timer: Timer
  const next = () => {
    // a Poisson process: what lies between two is distributed exponentially
    const waitMs = (-Math.log(random.int(1, 1_000_000) / 1_000_000) * 1_000) / perSecond
    timer = host.clock.after(waitMs, () => {
      void host.udp({ family: 4 }).then(socket => {
        socket.send({ bytes: Uint8Array.of(0x80), to })
        socket.close()
      })
      next()
    })
  }
  next()
  return () => timer.cancel()
}
