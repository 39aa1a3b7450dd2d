import { readdirSync, readlinkSync } from 'node:fs'
import { int32, loadLibc, SO_RCVBUF, SOL_SOCKET } from '../../socket/ffi/libc.ts'
import { loadKoffi } from '../../socket/koffi.ts'

/** As those of the switch's own sockets. The system gives what it allows (net.core.rmem_max). */
const BUFFER_BYTES = 4 * 1024 * 1024

/**
 * Runs what opens a socket of the engine, and gives that socket a larger receive buffer. The system's default of 208 KiB is
 * filled by three batches of the switch, and what does not fit is lost, which QUIC takes for congestion of the path. The engine has no
 * option for it. Where the descriptors cannot be seen, the buffer stays as it is.
 */
export function withLargeBuffer<T>(open: () => T): T {
  if (process.platform !== 'linux') return open()
  const before = new Set(sockets())
  const opened = open()
  const libc = theLibc()
  if (libc != null) {
    for (const fd of sockets()) if (!before.has(fd)) libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(BUFFER_BYTES), 4)
  }
  return opened
}

let loaded: ReturnType<typeof loadLibc> | undefined
function theLibc() {
  if (loaded == null) {
    const found = loadKoffi()
    if ('koffi' in found) loaded = loadLibc(found.koffi)
  }
  return loaded
}

function sockets(): number[] {
  const folder = '/proc/self/fd'
  return readdirSync(folder).flatMap(name => {
    try {
      return readlinkSync(`${folder}/${name}`).startsWith('socket:') ? [Number(name)] : []
    } catch {
      // the one that this folder was read by
      return []
    }
  })
}
