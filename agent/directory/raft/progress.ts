import { limits } from '../limits.ts'

/** How far one follower is, as its leader knows it. */
export class Progress {
  /** Up to here its log is the leader's. */
  match = 0
  /** The next entry that it is sent. */
  next: number
  /** `probe`: where its log parts from the leader's is not known. `snapshot`: one is on its way. */
  state: 'probe' | 'replicate' | 'snapshot' = 'probe'
  /** A probe is on its way. */
  probing = false
  /** When it answered last; at first when it was made. */
  heardAt: number
  snapshotAt = 0
  /** The last read that it has let through. */
  read = 0
  #inflight: number[] = []

  constructor(next: number, now: number) {
    this.next = next
    this.heardAt = now
  }

  get mayAppend(): boolean {
    if (this.state === 'probe') return !this.probing
    return this.state === 'replicate' && this.#inflight.length < limits.inflightMax
  }

  sent(last: number): void {
    if (this.state === 'probe') this.probing = true
    else {
      this.next = last + 1
      this.#inflight.push(last)
    }
  }

  sentSnapshot(index: number, now: number): void {
    this.state = 'snapshot'
    this.snapshotAt = now
    this.next = index + 1
    this.#inflight = []
  }

  /** True: it knows more than before. */
  acknowledged(index: number): boolean {
    this.#inflight = this.#inflight.filter(last => last > index)
    const grew = index > this.match
    this.match = Math.max(this.match, index)
    if (this.state === 'snapshot' && this.match + 1 < this.next) return grew
    if (this.state !== 'replicate') {
      this.state = 'replicate'
      this.probing = false
      this.next = this.match + 1
    } else this.next = Math.max(this.next, this.match + 1)
    return grew
  }

  /** Its log parts from the leader's after `index`, at the latest. False: that is old news. */
  rejected(asked: number, index: number): boolean {
    if (this.state === 'snapshot' || asked <= this.match) return false
    if (this.state === 'probe' && asked !== this.next - 1) return false
    this.state = 'probe'
    this.probing = false
    this.#inflight = []
    this.next = Math.max(this.match + 1, Math.min(asked, index + 1))
    return true
  }

  /** It may be that what was sent is lost. */
  doubt(): void {
    this.probing = false
  }
}
