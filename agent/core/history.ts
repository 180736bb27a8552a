import type { Kind } from './kinds.ts'
import type { Attempt, Rows } from './rows.ts'

/** The last finished tasks, in a ring of typed arrays: remembering one costs no allocation. */
export class History {
  readonly #capacity: number
  readonly #number: Float64Array
  readonly #client: Int32Array
  readonly #job: Uint16Array
  readonly #kinds: (Kind | undefined)[]
  readonly #failed: Uint8Array
  readonly #attempt: Uint16Array
  readonly #thread: Int32Array
  readonly #submittedAt: Float64Array
  readonly #startedAt: Float64Array
  readonly #endedAt: Float64Array
  readonly #attempts: (Attempt[] | undefined)[]
  readonly #error: (string | undefined)[]
  readonly #at: Attempt['at'][]
  /** Of calls: their actors, by client and number. */
  readonly #actorClient: Int32Array
  readonly #actorNumber: Float64Array
  #next = 0
  /** How many were ever remembered. */
  #added = 0
  finished = 0
  failed = 0
  cancelled = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.#number = new Float64Array(capacity)
    this.#client = new Int32Array(capacity)
    this.#job = new Uint16Array(capacity)
    this.#kinds = new Array(capacity)
    this.#failed = new Uint8Array(capacity)
    this.#attempt = new Uint16Array(capacity)
    this.#thread = new Int32Array(capacity)
    this.#submittedAt = new Float64Array(capacity)
    this.#startedAt = new Float64Array(capacity)
    this.#endedAt = new Float64Array(capacity)
    this.#attempts = new Array(capacity)
    this.#error = new Array(capacity)
    this.#at = new Array(capacity)
    this.#actorClient = new Int32Array(capacity)
    this.#actorNumber = new Float64Array(capacity)
  }

  add(
    rows: Rows,
    row: number,
    kind: Kind,
    end: { failed: boolean; startedAt: number; endedAt: number; error: string | undefined; at: Attempt['at'] },
  ): void {
    const at = this.#next
    this.#next = at + 1 === this.#capacity ? 0 : at + 1
    this.#added++
    this.#number[at] = rows.number[row]
    this.#client[at] = rows.client[row]
    this.#job[at] = rows.job[row]
    this.#kinds[at] = kind
    this.#failed[at] = end.failed ? 1 : 0
    this.#attempt[at] = rows.attempt[row]
    this.#thread[at] = rows.thread[row]
    this.#submittedAt[at] = rows.submittedAt[row]
    this.#startedAt[at] = end.startedAt
    this.#endedAt[at] = end.endedAt
    const actor = rows.actor[row]
    this.#actorClient[at] = actor < 0 ? -1 : rows.client[actor]
    if (actor >= 0) this.#actorNumber[at] = rows.number[actor]
    const live = rows.extra[row]?.attempts
    const attempts = live && [...live]
    if (end.at !== undefined || this.#at[at] !== undefined) this.#at[at] = end.at
    if (attempts !== undefined || this.#attempts[at] !== undefined) this.#attempts[at] = attempts
    if (end.error !== undefined || this.#error[at] !== undefined) this.#error[at] = end.error
    if (end.error === 'cancelled') this.cancelled++
    else if (end.failed) this.failed++
    else this.finished++
  }

  /** Newest first; those that came before the one at `before` in all that was ever remembered. */
  *entries(before = this.#added): Iterable<FinishedTask> {
    for (let place = Math.min(before, this.#added) - 1; place >= 0; place--) {
      if (place < this.#added - this.#capacity) return
      const at = place % this.#capacity
      const kind = this.#kinds[at]
      if (!kind) return
      yield {
        place,
        client: this.#client[at],
        number: this.#number[at],
        job: this.#job[at],
        kind,
        failed: this.#failed[at] === 1,
        attempt: this.#attempt[at],
        thread: this.#thread[at],
        submittedAt: this.#submittedAt[at],
        startedAt: this.#startedAt[at],
        endedAt: this.#endedAt[at],
        attempts: this.#attempts[at],
        error: this.#error[at],
        at: this.#at[at],
        actor: this.#actorClient[at] < 0 ? undefined : { client: this.#actorClient[at], number: this.#actorNumber[at] },
      }
    }
  }
}

export interface FinishedTask {
  /** Its place in all that was ever remembered. */
  place: number
  client: number
  number: number
  job: number
  kind: Kind
  failed: boolean
  attempt: number
  thread: number
  submittedAt: number
  startedAt: number
  endedAt: number
  attempts: Attempt[] | undefined
  error: string | undefined
  at: Attempt['at']
  /** Of a call. */
  actor: { client: number; number: number } | undefined
}
