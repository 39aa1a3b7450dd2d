// A day in virtual time: links whose networks, NATs and hubs change at random. What an idle link sends, how long a link
// in use stalls, and whether any is lost that had a path (docs/performance.md).
import { Command } from 'commander'
import { Day } from './links-day/day.ts'
import { EVENTS, type EventName } from './links-day/events.ts'
import { count } from './options.ts'
import { median, quantile } from './statistics.ts'
import { printTable } from './table.ts'

const { links, hours, seed } = new Command('links-day')
  .description('Links through a day of random events, in virtual time.')
  .option('--links <n>', 'how many', count, 1_000)
  .option('--hours <n>', 'how long', count, 24)
  .option('--seed <n>', 'of the first link; each has the next one', count, 1)
  .parse()
  .opts<{ links: number; hours: number; seed: number }>()

const startMs = performance.now()
const days = Array.from({ length: links }, (_, i) => {
  const day = new Day(seed + i)
  day.run(hours)
  // not its networks and agents
  const { idle, stalls, events, lost, ended, begun } = day
  return { idle, stalls, events, lost, ended, begun }
})
const tookSeconds = Math.round((performance.now() - startMs) / 1_000)

const sum = (of: (day: (typeof days)[number]) => number) => days.reduce((total, day) => total + of(day), 0)
const lost = days.flatMap((day, i) => day.lost.map(how => `seed ${seed + i}, ${how}\n`))
process.stdout.write(
  `${links} links for ${hours} h of virtual time (${tookSeconds} s): ${sum(day => day.begun)} links were begun, ` +
    `${sum(day => day.ended)} ended when there was no path at all for a minute, ${lost.length} were lost although there was one\n\n`
)
for (const line of lost.slice(0, 20)) process.stdout.write(line)
process.stdout.write(
  'Packets an hour of both sides together, of links on which nothing happens: the mean, and of each link\n\n'
)
printTable(['idle link', 'hours', 'checks', 'QUIC', 'median', '95 %', 'worst', 'changes of path an hour'], idleRows())
process.stdout.write('\nSeconds without data of links in use (packets each way five times a second)\n\n')
printTable(['event', 'times', 'in use', 'median', '95 %', 'worst'], stallRows())
if (lost.length > 0) process.exitCode = 1

function idleRows(): string[][] {
  const ways = [...new Set(days.flatMap(({ idle }) => [...idle.ways.keys()]))].sort()
  return ways.map(way => {
    const all = days.flatMap(({ idle }) => idle.ways.get(way) ?? [])
    const linkHours = all.reduce((total, { ms }) => total + ms, 0) / 3_600_000
    const mean = (of: 'checks' | 'quic' | 'changes') => all.reduce((total, one) => total + one[of], 0) / linkHours
    // what was idle for less says little of an hour
    const each = all.filter(({ ms }) => ms > 3_600_000).map(one => ((one.checks + one.quic) * 3_600_000) / one.ms)
    const packets = [median(each), quantile(each, 0.95), quantile(each, 1)].map(value => value.toFixed(0))
    return [
      way,
      linkHours.toFixed(0),
      mean('checks').toFixed(0),
      mean('quic').toFixed(0),
      ...packets,
      mean('changes').toFixed(2)
    ]
  })
}

function stallRows(): string[][] {
  const stalls = days.flatMap(day => day.stalls.stalls)
  return (Object.keys(EVENTS) as EventName[]).map(event => {
    const ms = stalls.filter(stall => stall.event === event).map(stall => stall.ms)
    const seconds = [median(ms), quantile(ms, 0.95), quantile(ms, 1)].map(value => (value / 1_000).toFixed(1))
    return [event, `${sum(({ events }) => events.get(event) ?? 0)}`, `${ms.length}`, ...seconds]
  })
}
