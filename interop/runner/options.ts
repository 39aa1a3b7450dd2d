import { parseArgs } from 'node:util'
import type { Filter } from './matrix.ts'
import { IMPLEMENTATIONS, RELAYS, TRANSPORTS } from './matrix.ts'

export interface Options {
  readonly filter: Filter
  /** How often each cell runs. */
  readonly times: number
  /** One way, of each peer's link. */
  readonly delayMs: number
  readonly debug: boolean
}

export const USAGE = `npm run interop -- [OPTION …]
  --dialer, --listener   of ${IMPLEMENTATIONS.join(',')}; default: all
  --relay                of ${RELAYS.join(',')}; default: all
  --transport            of ${TRANSPORTS.join(',')}; default: all
  --times N              runs of each cell; default 1
  --delay MS             one way, of each peer's link; default 20
  --debug                verbose logs`

const PARTS = { dialer: IMPLEMENTATIONS, listener: IMPLEMENTATIONS, relay: RELAYS, transport: TRANSPORTS }

/** @throws Error that says what is wrong */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dialer: { type: 'string' },
      listener: { type: 'string' },
      relay: { type: 'string' },
      transport: { type: 'string' },
      times: { type: 'string', default: '1' },
      delay: { type: 'string', default: '20' },
      debug: { type: 'boolean', default: false }
    }
  })
  const filter: { [part: string]: readonly string[] } = {}
  for (const [part, known] of Object.entries(PARTS)) {
    const names = values[part as keyof typeof PARTS]?.split(',')
    if (names === undefined) continue
    const unknown = names.find(name => !(known as readonly string[]).includes(name))
    if (unknown !== undefined) throw new Error(`--${part} is of ${known.join(', ')}, not '${unknown}'`)
    filter[part] = names
  }
  const times = Number(values.times)
  const delayMs = Number(values.delay)
  if (!Number.isInteger(times) || times < 1) throw new Error('--times is a whole number from 1')
  if (!(delayMs >= 0)) throw new Error('--delay is a number of milliseconds')
  return { filter, times, delayMs, debug: values.debug }
}
