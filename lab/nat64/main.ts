/**
 * The name server of a network with NAT64. Arguments: the names that it knows, as JSON. It ends with its standard input.
 */
import { createSocket } from 'node:dgram'
import type { Names } from './name-server.ts'
import { answerQuestion } from './name-server.ts'
import { NAME_SERVER } from './script.ts'

const names = JSON.parse(process.argv[2]!) as Names
const socket = createSocket('udp6')
socket.on('message', (query, from) => {
  const answer = answerQuestion(query, names)
  if (answer) socket.send(answer, from.port, from.address)
})
socket.bind(53, NAME_SERVER, () => process.stdout.write('ok\n'))
process.stdin.resume().on('end', () => process.exit())
