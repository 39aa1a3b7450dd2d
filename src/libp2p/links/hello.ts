import { NatError } from '../../core/errors.ts'
import { FRAME_HEAD_BYTES, frame, MAX_DATAGRAM_BYTES } from '../../wire/datagrams.ts'
import { type PipeHello, pipeHelloCodec } from '../../wire/link.ts'
import type { Step } from '../frames.ts'

/** What goes first on a pipe. */
export function helloFrame(hello: PipeHello): Uint8Array {
  return frame(pipeHelloCodec.encode(hello))
}

/** Takes the other side's hello off what comes in. */
export function helloStep(onHello: (hello: PipeHello) => void): Step {
  return list => {
    if (list.byteLength < FRAME_HEAD_BYTES) return false
    const length = (list.get(0) << 8) | list.get(1)
    if (length === 0 || length > MAX_DATAGRAM_BYTES) throw new NatError('MALFORMED', `a hello of ${length} bytes`)
    if (list.byteLength < FRAME_HEAD_BYTES + length) return false
    const body = list.slice(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + length)
    list.consume(FRAME_HEAD_BYTES + length)
    onHello(pipeHelloCodec.decode(body))
    return true
  }
}
