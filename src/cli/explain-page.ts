import { explanationText } from '../traversal/explain/text.ts'
import type { Explanation } from '../traversal/explain.ts'
import { lookOf } from './doctor/look.ts'
import type { Output } from './output.ts'

/** An explanation as wide as the terminal, and in its colours. */
export function explanationPage({ colors }: Output, explanation: Explanation): string {
  const { columns } = lookOf(process.stdout, process.env, colors)
  return explanationText(explanation, { columns, paint: colors })
}
