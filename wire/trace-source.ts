import type { PeerInfo, TaskRow } from './state.ts'
import type { TraceClock, TracePhase, TraceSource } from './trace.ts'

/** Asks the agent a question. */
export type Ask = (method: string, params?: unknown) => Promise<unknown>

/** Rows of one answer. */
const pageRows = 1000

/** What a timeline is made of, from this program's agent, which asks the others. */
export async function traceSource(ask: Ask): Promise<TraceSource> {
  const clocks = (await ask('clocks')) as TraceClock[]
  const peers = (await ask('peers')) as PeerInfo[]
  const tasks = await allRows<TaskRow>(ask, 'tasks', ({ taskId }) => taskId)
  const now = performance.timeOrigin + performance.now()
  const phases = await allRows<TracePhase>(
    ask,
    'phases',
    ({ taskId, attempt, peerId, phase, startedAt }) => `${taskId}/${attempt}/${peerId}/${phase}/${startedAt}`,
  )
  return { peers, tasks, phases, clocks, now }
}

/** Every row of a table; of what changes its place between two pages the last one. */
async function allRows<Row>(ask: Ask, method: string, idOf: (row: Row) => string): Promise<Row[]> {
  const rows = new Map<string, Row>()
  for (let after: unknown; ; ) {
    const page = (await ask(method, { limit: pageRows, after })) as { rows: Row[]; next?: unknown }
    for (const row of page.rows) rows.set(idOf(row), row)
    if (page.next === undefined || page.next === null) return [...rows.values()]
    after = page.next
  }
}
