import { readSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { loadKoffi } from '../koffi.ts'
import { countUnheard, type Heard, Mailbox } from '../mailbox.ts'
import type { PlaneRequest } from '../plane.ts'
import { handle } from '../requests.ts'
import { CLOEXEC, EFD_NONBLOCK, errorName, loadLibc } from './libc.ts'
import { FfiPlane } from './plane.ts'

/**
 * The thread of the fast data plane. It sleeps in the kernel, not in Node's event loop: requests are fetched when the main
 * thread has written to the eventfd.
 */
function main(port: NonNullable<typeof parentPort>, heard: Heard): void {
  const loaded = loadKoffi()
  if ('reason' in loaded) throw new Error(loaded.reason)
  const libc = loadLibc(loaded.koffi)
  const { post } = new Mailbox(port, heard, message => countUnheard(plane.board.counts, message))
  const plane: FfiPlane = new FfiPlane(loaded.koffi, libc, post)
  plane.selfTest()
  const wakeFd = libc.eventfd(0, CLOEXEC | EFD_NONBLOCK)
  if (wakeFd < 0 || !plane.watch(wakeFd)) throw new Error(`eventfd: ${errorName(libc)}`)
  post({ event: 'ready', wakeFd })

  const counter = new Uint8Array(8)
  let running = true
  while (running) {
    if (!plane.poll(wakeFd)) continue
    readSync(wakeFd, counter)
    for (let next = receiveMessageOnPort(port); next != null; next = receiveMessageOnPort(port)) {
      const request: PlaneRequest = next.message
      handle(plane.board, request, post)
      if (request.op === 'stop') running = false
    }
  }
  plane.close()
  // the eventfd stays open: the main thread may be about to write to it, and the number must not mean another file
  port.close()
}

if (parentPort != null) main(parentPort, workerData.heard)
