import { readFile } from 'node:fs/promises'

/** Of /proc/PID/stat: Linux shows programs a hundred ticks a second, whatever it counts itself (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100

/** The CPU time that a process has used, all threads together. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // the second field, the program's name, may hold spaces; utime and stime are fields 14 and 15
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
