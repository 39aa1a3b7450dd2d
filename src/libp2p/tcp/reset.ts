import type { Socket } from 'node:net'

/**
 * Ends a connection by RST, so that no TIME_WAIT keeps our port from going to that address again. One whose own end is under
 * way is only destroyed: libuv has no reset behind a shutdown, and the handle would stay.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
