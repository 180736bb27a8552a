import assert from 'node:assert/strict'

/** An event of Chromium's "Trace Event Format". */
export interface TraceEvent {
  name: string
  ph: string
  ts: number
  pid: number
  tid: number
  dur?: number
  cat?: string
  id?: number
  bp?: string
  args?: any
}

/** Reads a trace, and checks that it is one: what Perfetto's importer requires, and more than it says when it is broken. */
export function readTrace(bytes: Uint8Array): {
  events: TraceEvent[]
  slices: TraceEvent[]
  threads: Map<number, string>
} {
  const trace = JSON.parse(Buffer.from(bytes).toString('utf8'))
  assert.ok(Array.isArray(trace.traceEvents))
  const events = trace.traceEvents as TraceEvent[]
  const processes = new Map<number, string>()
  const threads = new Map<number, string>()
  for (const event of events) {
    assert.match(event.ph, /^[XMsf]$/)
    for (const key of ['ts', 'pid', 'tid'] as const) assert.ok(Number.isFinite(event[key]), `${key} of ${event.name}`)
    assert.ok(event.ts >= 0, `${event.name} at ${event.ts}`)
    assert.equal(typeof event.name, 'string')
    if (event.ph === 'X') assert.ok((event.dur ?? -1) >= 0, `${event.name} takes ${event.dur}`)
    if (event.name === 'process_name') processes.set(event.pid, event.args.name)
    if (event.name === 'thread_name') {
      assert.ok(!threads.has(event.tid), 'thread ids are unique in the whole trace')
      threads.set(event.tid, event.args.name)
    }
  }
  const slices = events.filter(({ ph }) => ph === 'X')
  for (const { pid, tid, name } of slices) {
    assert.ok(processes.has(pid), `the process of ${name} has a name`)
    assert.ok(threads.has(tid), `the thread of ${name} has a name`)
  }
  checkNesting(slices)
  checkFlows(events)
  return { events, slices, threads }
}

/** In one thread what overlaps lies within: viewers drop what does not. */
function checkNesting(slices: readonly TraceEvent[]): void {
  for (const [tid, ofThread] of Map.groupBy(slices, ({ tid }) => tid)) {
    const open: { ts: number; end: number }[] = []
    for (const { ts, dur = 0, name } of ofThread.toSorted((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0))) {
      while (open.length > 0 && open[open.length - 1].end <= ts + 1e-6) open.pop()
      const around = open.at(-1)
      assert.ok(!around || ts + dur <= around.end + 1e-3, `${name} at ${ts} overlaps another in thread ${tid}`)
      open.push({ ts, end: ts + dur })
      assert.ok(open.length < 512, 'viewers draw no deeper')
    }
  }
}

/** Each flow has one begin and one end, each at the slice that stands before it. */
function checkFlows(events: readonly TraceEvent[]): void {
  const ends = new Map<number | undefined, string[]>()
  let slice: TraceEvent | undefined
  for (const event of events) {
    if (event.ph === 'X') slice = event
    if (event.ph !== 's' && event.ph !== 'f') continue
    ends.set(event.id, [...(ends.get(event.id) ?? []), event.ph])
    if (event.ph === 'f') assert.equal(event.bp, 'e')
    assert.ok(slice?.tid === event.tid && slice.ts === event.ts, `flow ${event.id} stands after its slice`)
  }
  for (const [id, both] of ends) assert.deepEqual(both.toSorted(), ['f', 's'], `flow ${id}`)
}
