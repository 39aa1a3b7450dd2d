import { parentPort } from 'node:worker_threads'
import type { PlaneEvent, PlaneRequest } from '../plane.ts'
import { PortablePlane } from './plane.ts'

/** The thread of the portable data plane: an ordinary event loop. */
function main(port: NonNullable<typeof parentPort>): void {
  const plane = new PortablePlane(message => port.postMessage(message))
  let timer: NodeJS.Timeout
  const tick = () => {
    clearTimeout(timer)
    timer = setTimeout(tick, Math.max(1, plane.board.tick() - performance.now()))
  }
  tick()
  port.on('message', (request: PlaneRequest) => {
    plane.board.handle(request)
    if (request.op === 'stop') {
      clearTimeout(timer)
      port.close()
    } else if (request.op === 'dial' && request.punch) tick()
  })
  port.postMessage({ event: 'ready', wakeFd: null } satisfies PlaneEvent)
}

if (parentPort != null) main(parentPort)
