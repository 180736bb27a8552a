/** What is to be done once refs are registered. */
interface Afterwards {
  seq: number
  /** A peer whose own refs do not count: what it is told comes after them, on the same way. */
  except: number
  /** What was borrowed with it has left. */
  sent: boolean
  run(): void
}

/**
 * Refs of others that were borrowed and whose owners have not said so yet (protocols §2): who gave them may be told that they
 * are not needed any more only afterwards.
 */
export class Registrations {
  #seq = 0
  #pending: { seq: number; peer: number }[] = []
  #afterwards: Afterwards[] = []

  /** Refs of a peer leave in one frame. Its number, which the owner says back. */
  begin(peer: number): number {
    const seq = ++this.#seq
    this.#pending.push({ seq, peer })
    return seq
  }

  done(peer: number, seq: number): void {
    this.#pending = this.#pending.filter(one => one.peer !== peer || one.seq !== seq)
    this.#run()
  }

  /** A peer is gone, with what it owned. */
  ended(peer: number): void {
    this.#pending = this.#pending.filter(one => one.peer !== peer)
    this.#run()
  }

  /** Whether refs of others than this peer wait for their owners. */
  waits(except: number): boolean {
    return this.#pending.length > 0 && this.#pending.some(one => one.peer !== except)
  }

  /** Runs when every ref that was borrowed so far from others is registered. `unsent`: some leave with this turn only. */
  after(except: number, run: () => void, unsent = 0): void {
    if (unsent > 0) this.#afterwards.push({ seq: this.#seq + unsent, except, sent: false, run })
    else if (this.waits(except)) this.#afterwards.push({ seq: this.#seq, except, sent: true, run })
    else run()
  }

  /** Everything that was borrowed has left. */
  sent(): void {
    if (this.#afterwards.length === 0) return
    for (const one of this.#afterwards) one.sent = true
    this.#run()
  }

  #run(): void {
    if (this.#afterwards.length === 0) return
    const ready = this.#afterwards.filter(
      ({ seq, except, sent }) => sent && !this.#pending.some(one => one.peer !== except && one.seq <= seq),
    )
    if (ready.length === 0) return
    this.#afterwards = this.#afterwards.filter(one => !ready.includes(one))
    for (const { run } of ready) run()
  }
}
