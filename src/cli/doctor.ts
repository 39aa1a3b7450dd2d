import { NatError } from '../core/errors.ts'
import type { NetworkReport } from '../nat/report.ts'
import { PacketSwitch } from '../socket/switch.ts'
import { type DataPlane, diagnose } from './doctor/diagnosis.ts'
import { type DoctorArguments, examineNetwork } from './doctor/examine.ts'
import { lookOf } from './doctor/look.ts'
import { page } from './doctor/page.ts'
import { progressLine } from './doctor/progress.ts'
import { EXIT, explain, type Output } from './output.ts'
import { stopSignal } from './stop-signal.ts'

/** The quick report's 5 s, and starting a node at slow hubs. */
const QUICK_SECONDS = 20
/** The search for a mapping's lifetime waits for one to end, for three minutes at most. */
const FULL_SECONDS = 300

/** Tells what network this machine is in. @returns the exit code */
export async function doctor(out: Output, args: DoctorArguments): Promise<number> {
  const stopped = stopSignal()
  const seconds = args.deadline ?? (args.full === true ? FULL_SECONDS : QUICK_SECONDS)
  const late = AbortSignal.timeout(seconds * 1000)
  const signal = AbortSignal.any([stopped, late])
  const progress = progressLine(process.stderr, !out.json, out.colors)
  let examined: Awaited<ReturnType<typeof examineNetwork>>
  let plane: DataPlane
  try {
    const examining = examineNetwork(args, { signal, onProgress: text => progress.show(text) })
    ;[examined, plane] = await Promise.all([examining, dataPlane()])
  } catch (error) {
    progress.clear()
    return explain(late.aborted && !stopped.aborted ? tooLate(seconds) : error)
  }
  progress.clear()
  const diagnosis = diagnose(examined.report, plane)
  const look = lookOf(process.stdout, process.env, out.colors)
  out.event({ ...diagnosis }, out.json ? undefined : `\n${page(diagnosis, look)}\n`)
  if (examined.failure != null) return explain(examined.failure)
  return answered(examined.report) ? EXIT.done : EXIT.failed
}

/** What the self-test of this machine chooses. */
async function dataPlane(): Promise<DataPlane> {
  const opened = await PacketSwitch.open()
  await opened.close()
  return { kind: opened.kind, reason: opened.fallbackReason ?? null }
}

function answered({ hubs }: NetworkReport): boolean {
  return hubs.length === 0 || hubs.some(({ rttMs }) => rttMs != null)
}

function tooLate(seconds: number): NatError {
  return new NatError('TIMEOUT', `the network was not examined within ${seconds} s: give it a longer --deadline`)
}
