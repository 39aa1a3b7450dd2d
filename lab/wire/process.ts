import { LineProcess } from '../line-process.ts'
import { sibling } from '../sibling.ts'
import type { LinkSpec } from '../spec.ts'
import { WIRE } from '../spec.ts'
import type { WireLink } from './main.ts'

/** The wire's process as the lab holds it. */
export class WireProcess {
  readonly #process: LineProcess

  private constructor(process: LineProcess) {
    this.#process = process
  }

  static async start(keeper: number, links: WireLink[]): Promise<WireProcess> {
    const program = sibling(import.meta.url, 'main')
    return new WireProcess(await LineProcess.start(keeper, WIRE, program, links, 'the process of the shaped links'))
  }

  /** Resolves when packets are treated that way. */
  change(name: string, link: LinkSpec): Promise<void> {
    return this.#process.tell({ name, link })
  }
}
