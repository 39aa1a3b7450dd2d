/** Examines the network that it runs in again and again, by one STUN server (`address port runs`), and prints how many milliseconds each took. */
import { setTimeout as pause } from 'node:timers/promises'
import { examine } from '../../src/nat/examine.ts'
import { systemHost } from '../../src/socket/system/host.ts'

/** A hub answers 200 requests of one source at once, and then 20 a second; a report has some 25. */
const BETWEEN_MS = 1_300

const [address = '', port = '', runs = ''] = process.argv.slice(2)
// nothing of the examination itself keeps a program alive
const alive = setInterval(() => {}, 1_000)
const took: number[] = []
for (let i = 0; i < Number(runs); i++) {
  const startMs = performance.now()
  await examine({ host: systemHost, servers: [{ address, port: Number(port) }] })
  took.push(performance.now() - startMs)
  await pause(BETWEEN_MS)
}
clearInterval(alive)
process.stdout.write(`${JSON.stringify(took)}\n`)
