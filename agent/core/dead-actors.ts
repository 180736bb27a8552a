import { limits } from './limits.ts'

/** An actor that is over, as the state shows it. */
export interface DeadActor {
  readonly client: number
  readonly number: number
  readonly kind: number
  readonly job: number
  readonly restarts: number
  readonly reason: string
}

/** The actors that were over last. */
export class DeadActors {
  #all: DeadActor[] = []
  /** How many were ever remembered. */
  count = 0

  add(actor: DeadActor): void {
    this.count++
    this.#all.push(actor)
    if (this.#all.length >= 2 * limits.deadActorsMax) this.#all = this.#all.slice(-limits.deadActorsMax)
  }

  /** The newest first; those before the one at `before` in all that were ever remembered. */
  *entries(before = this.count): Iterable<{ place: number; actor: DeadActor }> {
    const first = this.count - this.#all.length
    for (let place = Math.min(before, this.count) - 1; place >= first; place--)
      yield { place, actor: this.#all[place - first] }
  }
}
