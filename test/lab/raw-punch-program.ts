/**
 * One side of raw TCP punches in a lab: ROLE HUB PORT. Tells as whom the hub's echo sees its port, and what comes of each punch
 * that a JSON line asks for. Two sides that have met send each other what they have; `close` ends that connection.
 */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { realClock } from '../../src/core/clock.ts'
import { secureRandom } from '../../src/core/random.ts'
import { TcpPipe } from '../../src/libp2p/links/tcp-pipe.ts'
import { connectTo } from '../../src/libp2p/tcp/connect.ts'
import { Door } from '../../src/libp2p/tcp/door.ts'
import { rawPunch } from '../../src/libp2p/tcp/raw-punch.ts'
import { freePort } from '../../src/libp2p/tcp/sharing.ts'
import { Targets } from '../../src/libp2p/tcp/targets.ts'
import { DatagramReader, frame } from '../../src/wire/datagrams.ts'
import type { PathCandidate } from '../../src/wire/path.ts'
import type { TcpRole } from '../../src/wire/tcp-proof.ts'

const [name, hub, port] = process.argv.slice(2) as [TcpRole, string, string]
const tell = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)
const key = (of: TcpRole) => Buffer.alloc(32, of)
const keys = { link: '0123456789abcdef', mine: key(name), theirs: key(name === 'client' ? 'server' : 'client') }

const localPort = await freePort()
const toHub = await connectTo({ address: hub, port: Number(port) }, localPort, new AbortController().signal)
const [seen] = (await once(toHub, 'data')) as [Buffer]
tell({ seen: seen.toString().trim() })

let pipe: TcpPipe | undefined
for await (const line of createInterface({ input: process.stdin })) {
  const { candidates, text, timeoutMs } = JSON.parse(line) as {
    readonly candidates?: readonly PathCandidate[]
    readonly text?: string
    readonly timeoutMs?: number
  }
  if (candidates == null) {
    pipe?.close()
    tell({ closed: true })
    continue
  }
  const punched = await rawPunch(candidates, {
    keys,
    role: name,
    ...(timeoutMs == null ? {} : { timeoutMs }),
    localPort,
    targets: new Targets(),
    door: new Door(realClock),
    listening: false,
    clock: realClock,
    random: secureRandom
  })
  if (!punched.ok) {
    const { ok, reason, ms, detail } = punched
    tell({ ok, reason, ms, detail })
    continue
  }
  const reader = new DatagramReader()
  pipe = new TcpPipe(punched.socket, punched.remote, realClock, name)
  pipe.start(
    bytes => {
      for (const datagram of reader.push(bytes)) tell({ heard: Buffer.from(datagram).toString() })
    },
    reason => tell({ gone: reason })
  )
  pipe.send(frame(Buffer.from(text ?? '')))
  tell({ ok: true, remote: pipe.remote, ms: punched.ms })
}
