import type { NetworkReport } from '../../nat/report.ts'
import type { PlaneKind } from '../../socket/plane.ts'
import { type Advice, advice } from '../../traversal/advice.ts'
import { type Forecast, forecast } from '../../traversal/forecast.ts'

/** How this machine moves packets. */
export interface DataPlane {
  readonly kind: PlaneKind
  /** Why it is not the fast one. */
  readonly reason: string | null
}

/** All that `beeline doctor` tells: with --json, this very object. */
export interface Diagnosis extends NetworkReport {
  readonly advice: readonly Advice[]
  readonly forecast: readonly Forecast[]
  readonly dataPlane: DataPlane
}

export function diagnose(report: NetworkReport, dataPlane: DataPlane): Diagnosis {
  return { ...report, advice: advice(report), forecast: forecast(report), dataPlane }
}
