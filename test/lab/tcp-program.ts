/**
 * What tests do with TCP in a host of a lab, a line on the standard output for the result:
 * - `listen PORT`: echoes; a connection that says `who?` is told its address
 * - `seen IP PORT LOCALPORT`: as whom a listener sees a connection from that port
 * - `dial IP PORT MS`: connect, timeout, or the error; `udp IP PORT MS` the same of a connected UDP socket
 * - `echo IP PORT BYTES`: `same` and as whom it was seen, when all comes back as it was sent
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

const [command, ...words] = process.argv.slice(2) as [string, ...string[]]
const [ip = '', port = '', third = ''] = words

const end = (line: string) => {
  process.stdout.write(`${line}\n`)
  process.exit()
}
const code = (error: Error) => end((error as NodeJS.ErrnoException).code ?? error.message)

switch (command) {
  case 'listen':
    createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {})
      socket.write(`${socket.remoteAddress?.replace('::ffff:', '')}:${socket.remotePort}\n`)
      socket.pipe(socket)
    }).listen(Number(ip), '::', () => process.stdout.write('up\n'))
    break
  case 'seen':
    connect({ host: ip, port: Number(port), localPort: Number(third) })
      .on('error', code)
      .once('data', bytes => end(bytes.toString().split('\n')[0]!))
    break
  case 'dial':
    connect({ host: ip, port: Number(port), timeout: Number(third) })
      .on('error', code)
      .on('timeout', () => end('timeout'))
      .on('connect', () => end('connect'))
    break
  case 'udp': {
    const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4').on('error', code)
    socket.connect(Number(port), ip, () => socket.send('?'))
    setTimeout(end, Number(third), 'timeout')
    break
  }
  case 'echo': {
    const sent = randomBytes(Number(third))
    const chunks: Buffer[] = []
    connect({ host: ip, port: Number(port) })
      .on('error', code)
      .on('data', chunk => chunks.push(chunk))
      .on('end', () => {
        const all = Buffer.concat(chunks)
        const line = all.indexOf('\n')
        const seenAs = all.toString('latin1', 0, line).replace(/:\d+$/, '')
        end(`${all.subarray(line + 1).equals(sent) ? 'same' : 'different'} ${seenAs}`)
      })
      .end(sent)
    break
  }
  default:
    end(`no '${command}'`)
}
