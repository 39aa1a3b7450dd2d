import { parentPort, workerData } from 'node:worker_threads'
import { countUnheard, type Heard, Mailbox } from '../mailbox.ts'
import type { PlaneRequest } from '../plane.ts'
import { handle } from '../requests.ts'
import { PortablePlane } from './plane.ts'

/** The thread of the portable data plane: an ordinary event loop. */
function main(port: NonNullable<typeof parentPort>, heard: Heard): void {
  const { post } = new Mailbox(port, heard, message => countUnheard(plane.board.counts, message))
  const plane: PortablePlane = new PortablePlane(post)
  let timer: NodeJS.Timeout
  const tick = () => {
    clearTimeout(timer)
    timer = setTimeout(tick, Math.max(1, plane.board.tick() - performance.now()))
  }
  tick()
  port.on('message', (request: PlaneRequest) => {
    handle(plane.board, request, post)
    if (request.op === 'stop') {
      clearTimeout(timer)
      port.close()
    } else if ((request.op === 'dial' && request.punch) || (request.op === 'move' && request.holdMs > 0)) tick()
  })
  post({ event: 'ready', wakeFd: null })
}

if (parentPort != null) main(parentPort, workerData.heard)
