/**
 * One UDP socket, told what to do by JSON lines on the standard input, telling what happens on the standard output. It answers
 * `who?` with the sender's address, as a STUN server does.
 */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'

const [address = '0.0.0.0', port = '0'] = process.argv.slice(2)
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)

socket.on('message', (bytes, from) => {
  const text = bytes.toString()
  const endpoint = `${from.address}:${from.port}`
  if (text.startsWith('who?')) socket.send(`you are ${endpoint}${text.slice(4)}`, from.port, from.address)
  else tell({ text, from: endpoint })
})
socket.on('error', error => tell({ text: `error ${(error as NodeJS.ErrnoException).code}`, from: '' }))
socket.bind(Number(port), address, () => tell({ port: socket.address().port }))

createInterface({ input: process.stdin })
  .on('line', line => {
    const { text, to, port } = JSON.parse(line) as { text: string; to: string; port: number }
    socket.send(text, port, to)
  })
  .on('close', () => process.exit())
