import { NatError } from '../core/errors.ts'
import type { Board } from './board.ts'
import type { PlaneNotice, PlaneReply, PlaneRequest, PlaneValue } from './plane.ts'

/** Does what the main thread asks of a data plane, and answers the calls. */
export function handle<Public, Loop>(
  board: Board<Public, Loop>,
  request: PlaneRequest,
  post: (reply: PlaneReply) => void
): void {
  if (!('id' in request)) {
    notice(board, request)
    return
  }
  const answer = (result: PlaneValue | NatError): void => {
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
    case 'serve':
      board.serve(request.pipe, request.enginePort, answer)
      return
    case 'accept':
      answer(board.accept(request.loopbackPort))
      return
    case 'admit':
      answer(board.steering.admit(request.flow, request.path, request.validated))
      return
    case 'move':
      answer(board.move(request.flow, request.path, request.also, request.holdMs))
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
    case 'stop':
      board.stop()
      break
    default:
      request satisfies never
  }
  answer(null)
}

function notice<Public, Loop>(board: Board<Public, Loop>, request: PlaneNotice): void {
  switch (request.op) {
    case 'send':
      board.sending.toAddress(request.socket, request.to, request.bytes)
      return
    case 'open-pipe':
      board.pipes.open(request.pipe)
      return
    case 'close-pipe':
      board.closePipe(request.pipe)
      return
    case 'pipe':
      board.fromPipe(request.pipe, request.bytes)
      return
    case 'dismiss':
      board.steering.dismiss(request.flow, request.path)
      return
    case 'watch':
      board.watch(request.flow, request.on)
      return
    default:
      request satisfies never
  }
}
