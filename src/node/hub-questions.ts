import type { Clock } from '../core/clock.ts'
import type { HubAnswer } from '../libp2p/ask-hubs.ts'
import { Retries } from '../traversal/link/retries.ts'
import { HubCheck } from './hub-check.ts'

/** Between two questions while no hub answers over UDP: a network that begins to let it through tells nobody. */
export const ASK_AGAIN_MS = [10_000, 30_000, 120_000, 600_000] as const

export interface HubQuestionsInit {
  readonly clock: Clock
  /** Asks each hub that can be asked. @param onAnswer called with each answer as it comes */
  ask(onAnswer: (answer: HubAnswer) => void): Promise<readonly HubAnswer[]>
  /** A hub sees us elsewhere than before. */
  onMoved(answer: HubAnswer): void
  /** One answers, after a time in which none did. */
  onBack(): void
}

/** Where hubs see us, over UDP: asked for when there is a reason to, and while none answers again and again, ever more rarely. */
export class HubQuestions {
  readonly #init: HubQuestionsInit
  readonly #check = new HubCheck()
  readonly #retries: Retries
  #state: 'answered' | 'silent' | 'over' = 'answered'

  constructor(init: HubQuestionsInit) {
    this.#init = init
    this.#retries = new Retries(init.clock, () => void this.ask(), ASK_AGAIN_MS)
  }

  async ask(): Promise<readonly HubAnswer[]> {
    const answers = await this.#init
      .ask(answer => {
        if (this.#state !== 'over' && this.#check.note(answer)) this.#init.onMoved(answer)
      })
      .catch(() => undefined)
    // where nobody can be asked, nobody has kept silent
    if (this.#state !== 'over' && answers?.length !== 0) this.#took(answers ?? [])
    return answers ?? []
  }

  /** Whether it is time to look whether hubs are lost. */
  due(): boolean {
    return this.#check.due(this.#init.clock.now())
  }

  /** Whether none of those answers that did before. */
  async areLost(): Promise<boolean> {
    const isSilent = this.#check.silent(await this.ask())
    return isSilent && this.#state !== 'over'
  }

  /** Another network: where they saw us means nothing any more, and whoever was silent may answer here. */
  forget(): void {
    this.#check.forget()
    this.#retries.reset()
  }

  stop(): void {
    this.#state = 'over'
    this.#retries.stop()
  }

  #took(answers: readonly HubAnswer[]): void {
    if (answers.every(({ seen }) => seen == null)) {
      this.#state = 'silent'
      this.#retries.wait()
      return
    }
    const wasSilent = this.#state === 'silent'
    this.#state = 'answered'
    this.#retries.reset()
    if (wasSilent) this.#init.onBack()
  }
}
