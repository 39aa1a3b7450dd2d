import { readSync } from 'node:fs'
import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { loadKoffi } from '../koffi.ts'
import type { PlaneEvent, PlaneReply, PlaneRequest } from '../plane.ts'
import { FfiPlane } from './plane.ts'

/**
 * The thread of the fast data plane. It sleeps in the kernel, not in Node's event loop: requests are fetched when the main
 * thread has written to the eventfd.
 */
function main(port: NonNullable<typeof parentPort>): void {
  const loaded = loadKoffi()
  if ('reason' in loaded) throw new Error(loaded.reason)
  const plane = new FfiPlane(loaded.koffi, (message: PlaneEvent | PlaneReply) => port.postMessage(message))
  const wakeFd = plane.wakeFd()
  plane.watch(wakeFd)
  port.postMessage({ event: 'ready', wakeFd } satisfies PlaneEvent)

  const counter = new Uint8Array(8)
  let running = true
  while (running) {
    if (!plane.poll(wakeFd)) continue
    readSync(wakeFd, counter)
    for (let next = receiveMessageOnPort(port); next != null; next = receiveMessageOnPort(port)) {
      const request: PlaneRequest = next.message
      plane.board.handle(request)
      if (request.op === 'stop') running = false
    }
  }
  plane.close()
  // the eventfd stays open: the main thread may be about to write to it, and the number must not mean another file
  port.close()
}

if (parentPort != null) main(parentPort)
