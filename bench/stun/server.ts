// The hub's STUN server alone, with two addresses and without limits per source, until it is killed.
import { startStunServer } from '../../src/hub/stun/index.ts'

const port = Number(process.argv[2])
const hosts = process.argv.slice(3).map(host => ({ host, address: host }))
const limits = { answers: { burst: 1e9, refillMs: 1, maxKeys: 65_536 } }
await startStunServer({ hosts, port, limits })
// its sockets alone keep no process alive
setInterval(() => {}, 2 ** 30)
