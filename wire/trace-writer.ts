/** A thread of a trace. */
interface TraceThread {
  readonly pid: number
  readonly tid: number
}

const chunkCharacters = 1 << 20
/** Process and thread ids are of one space each, so that no viewer takes two for one. */
const firstThread = 1000

/**
 * Writes trace events (Chromium's "Trace Event Format"): complete events, flows, and the names of processes and threads.
 * Times come in milliseconds and go out in microseconds since `beginsAt`.
 */
export class TraceWriter {
  readonly #beginsAt: number
  readonly #processes = new Map<string, number>()
  readonly #threads = new Map<string, TraceThread>()
  readonly #chunks: Uint8Array[] = []
  readonly #encoder = new TextEncoder()
  #text = '{"traceEvents":['
  #isFirst = true

  constructor(beginsAt: number) {
    this.#beginsAt = beginsAt
  }

  /** The process of a peer; named when it is first seen. */
  process(key: string, name = `peer ${key.slice(-8)}`): number {
    let pid = this.#processes.get(key)
    if (pid !== undefined) return pid
    pid = this.#processes.size + 1
    this.#processes.set(key, pid)
    this.#metadata({ pid, tid: 0 }, 'process_name', { name })
    this.#metadata({ pid, tid: 0 }, 'process_sort_index', { sort_index: pid })
    return pid
  }

  /** A lane of a group of threads. */
  thread(process: string, group: string, lane: number): TraceThread {
    const key = `${process}/${group}/${lane}`
    let thread = this.#threads.get(key)
    if (thread) return thread
    thread = { pid: this.process(process), tid: firstThread + this.#threads.size }
    this.#threads.set(key, thread)
    this.#metadata(thread, 'thread_name', { name: lane === 0 ? group : `${group}, beside ${lane}` })
    this.#metadata(thread, 'thread_sort_index', { sort_index: sortIndex(group, lane) })
    return thread
  }

  slice(
    { pid, tid }: TraceThread,
    { name, category, from, to, args }: { name: string; category: string; from: number; to: number; args: object },
  ): void {
    const ts = this.#microseconds(from)
    // Both ends are rounded, not the length: what touches goes on touching.
    const dur = Math.max(0, round(this.#microseconds(to) - ts))
    this.#event({ name, cat: category, ph: 'X', ts, dur, pid, tid, args })
  }

  /** One end of an arrow; it is drawn from and to the slice that was written before. */
  flow({ pid, tid }: TraceThread, { id, begins, at }: { id: number; begins: boolean; at: number }): void {
    const event = { name: 'submitted', cat: 'flow', id, ts: this.#microseconds(at), pid, tid }
    this.#event(begins ? { ...event, ph: 's' } : { ...event, ph: 'f', bp: 'e' })
  }

  /** The whole trace; `otherData` says when it begins, in milliseconds since the epoch, and what else is to be known. */
  end(otherData: object): Uint8Array {
    this.#text += `],"displayTimeUnit":"ms","otherData":${JSON.stringify({ beginsAt: this.#beginsAt, ...otherData })}}\n`
    this.#flush()
    const whole = new Uint8Array(this.#chunks.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const chunk of this.#chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }

  #metadata({ pid, tid }: TraceThread, name: string, args: object): void {
    this.#event({ name, ph: 'M', ts: 0, pid, tid, args })
  }

  #event(event: object): void {
    this.#text += `${this.#isFirst ? '' : ','}\n${JSON.stringify(event)}`
    this.#isFirst = false
    if (this.#text.length >= chunkCharacters) this.#flush()
  }

  #flush(): void {
    this.#chunks.push(this.#encoder.encode(this.#text))
    this.#text = ''
  }

  #microseconds(ms: number): number {
    return round((ms - this.#beginsAt) * 1000)
  }
}

/** To nanoseconds, the unit of the viewers. */
function round(microseconds: number): number {
  return Math.round(microseconds * 1000) / 1000
}

const groups = ['submitted', 'waiting', 'fetching', 'granted']

/** Workers come after what leads to them, by their numbers. */
function sortIndex(group: string, lane: number): number {
  const at = groups.indexOf(group)
  if (at >= 0) return at * 1e5 + lane
  return groups.length * 1e5 + Number(/\d+/.exec(group)?.[0] ?? 0) * 100 + lane
}
