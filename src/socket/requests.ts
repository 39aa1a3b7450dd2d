import { NatError } from '../core/errors.ts'
import type { Board } from './board.ts'
import type { Bound, FlowInfo, PlaneReply, PlaneRequest, PlaneStats } from './plane.ts'

/** Does what the main thread asks of a data plane, and answers the calls. */
export function handle<Public, Loop>(
  board: Board<Public, Loop>,
  request: PlaneRequest,
  post: (reply: PlaneReply) => void
): void {
  if (request.op === 'send') {
    board.send(request.socket, request.to, request.bytes)
    return
  }
  if (request.op === 'pipe') {
    board.fromPipe(request.pipe, request.bytes)
    return
  }
  const answer = (result: Bound | FlowInfo | PlaneStats | null | NatError): void => {
    if (result instanceof NatError) post({ id: request.id, error: { code: result.code, message: result.message } })
    else post({ id: request.id, value: result })
  }
  switch (request.op) {
    case 'bind':
      board.sockets.bind(request.address, request.port, answer)
      return
    case 'dial':
      board.dial(request.path, request.punch, answer)
      return
    case 'accept':
      answer(board.accept(request.loopbackPort))
      return
    case 'stats':
      answer(board.stats())
      return
    case 'unbind':
      board.unbind(request.socket)
      break
    case 'listen':
      board.sockets.listen(request.socket, request.enginePort)
      break
    case 'release':
      board.release(request.flow, request.now)
      break
    case 'move':
      board.move(request.flow, request.path)
      break
    case 'stop':
      board.stop()
      break
    default:
      request satisfies never
  }
  answer(null)
}
