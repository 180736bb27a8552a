/**
 * A doorbell: one shared word a consumer thread, on which every producer of that thread rings.
 * The consumer sets the word, looks at its rings once more, and only then waits; a producer notifies only if it is set
 * (without the second look a ring is missed now and then).
 */
const AWAKE = 0
const ASLEEP = 1

/** Rounds of work before sockets, timers and promises have their turn. */
const ROUNDS_MAX = 16

/** A new doorbell's memory. */
export function bellMemory(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(64))
}

/** Wakes the consumer of `bell` if it sleeps. Costs one atomic load otherwise. */
export function ring(bell: Int32Array): void {
  if (Atomics.load(bell, 0) === ASLEEP) {
    Atomics.store(bell, 0, AWAKE)
    Atomics.notify(bell, 0)
  }
}

/** The consumer's side: calls `work` whenever somebody rang, until stopped. `work` returns whether it found anything. */
export class BellLoop {
  #stopped = false
  #isWorking = false
  readonly #bell: Int32Array
  readonly #work: () => boolean

  constructor(bell: Int32Array, work: () => boolean) {
    this.#bell = bell
    this.#work = work
  }

  /** Runs until `stop`. `Atomics.waitAsync` keeps no event loop alive: whoever wants this thread to stay holds a handle. */
  async run(): Promise<void> {
    const bell = this.#bell
    while (!this.#stopped) {
      for (let rounds = 0; rounds < ROUNDS_MAX && this.#once(); rounds++);
      Atomics.store(bell, 0, ASLEEP)
      if (this.#once()) {
        Atomics.store(bell, 0, AWAKE)
        await yieldToEventLoop()
        continue
      }
      const waiting = Atomics.waitAsync(bell, 0, ASLEEP)
      if (waiting.async) await waiting.value
    }
  }

  #once(): boolean {
    this.#isWorking = true
    const found = this.#work()
    this.#isWorking = false
    return found
  }

  /** Its work was interrupted, and with it the loop: goes on. */
  resume(): void {
    if (!this.#isWorking) return
    this.#isWorking = false
    void this.run()
  }

  stop(): void {
    this.#stopped = true
    Atomics.store(this.#bell, 0, AWAKE)
    Atomics.notify(this.#bell, 0)
  }
}

/** Lets sockets, timers and promises of this thread run between two rounds of work. */
function yieldToEventLoop(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve)
  })
}
