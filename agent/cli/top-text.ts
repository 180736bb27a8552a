import type { PeerInfo } from '../../wire/state.ts'
import { customResources } from './peer-columns.ts'
import { formatBytes, formatCount } from './quantity.ts'
import { stateStyle } from './state-style.ts'
import { type Column, formatTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'
import type { ActorClass, Snapshot } from './top-snapshot.ts'

/** Rows of a table where no screen bounds them. */
const printedRowsMax = 100

const peerColumns: readonly Column<PeerInfo>[] = [
  { title: 'PEER', text: row => row.peerId.slice(-8) },
  { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
  { title: 'CPUS USED', align: 'right', text: row => used(row, 'cpus') },
  { title: 'GPUS USED', align: 'right', text: row => (row.resources.gpus > 0 ? used(row, 'gpus') : '') },
  {
    title: 'MEMORY RESERVED',
    align: 'right',
    text: row =>
      `${formatBytes(row.resources.memoryBytes - row.available.memoryBytes)} of ${formatBytes(row.resources.memoryBytes)}`,
  },
  {
    title: 'STORE USED',
    align: 'right',
    text: row => `${formatBytes(row.store.usedBytes)} of ${formatBytes(row.store.capacityBytes)}`,
  },
  { title: 'OBJECTS', align: 'right', text: row => formatCount(row.store.objects) },
  {
    title: 'ON DISK',
    align: 'right',
    text: row => (row.store.spilledBytes > 0 ? formatBytes(row.store.spilledBytes) : ''),
  },
  { title: 'OTHER FREE', text: row => customResources(row.available, row.resources) },
]

const nameColumns: readonly Column<Snapshot['names'][number]>[] = [
  { title: 'TASKS', text: row => row.name },
  { title: 'RUNNING', align: 'right', text: row => formatCount(row.running) },
  { title: 'QUEUED', align: 'right', text: row => formatCount(row.queued) },
  { title: 'WAITING', align: 'right', text: row => formatCount(row.waiting) },
  { title: 'FINISHED', align: 'right', text: row => formatCount(row.finished) },
  {
    title: 'FAILED',
    align: 'right',
    text: row => formatCount(row.failed),
    style: row => (row.failed > 0 ? 'red' : undefined),
  },
  { title: 'CANCELLED', align: 'right', text: row => formatCount(row.cancelled) },
  { title: 'MEAN RUN', align: 'right', text: row => (row.meanMs === null ? '' : formatRun(row.meanMs)) },
]

const classColumns: readonly Column<ActorClass>[] = [
  { title: 'ACTORS', text: row => row.className },
  { title: 'ALIVE', align: 'right', text: row => formatCount(row.states.alive) },
  { title: 'PENDING', align: 'right', text: row => formatCount(row.states.pending) },
  { title: 'RESTARTING', align: 'right', text: row => formatCount(row.states.restarting) },
  { title: 'DEAD', align: 'right', text: row => formatCount(row.states.dead) },
  { title: 'CALLS PENDING', align: 'right', text: row => formatCount(row.pendingCalls) },
  { title: 'RESTARTS', align: 'right', text: row => formatCount(row.restarts) },
]

/** A snapshot as lines; `height`: no more than fit, with a line for what does not. `before`: the one before it, for rates. */
export function topLines(
  snapshot: Snapshot,
  before: Snapshot | undefined,
  terminal: Terminal,
  height?: number,
): string[] {
  const { peers, names, classes, waiting } = snapshot
  const head = headLines(snapshot, before, terminal)
  const tables: { rows: number; lines(count: number): string[] }[] = [
    table(peerColumns, peers, terminal),
    table(nameColumns, names, terminal),
    ...(classes.length > 0 ? [table(classColumns, classes, terminal)] : []),
  ]
  const reason = waiting[0] ? [`Waiting: ${printable(`${formatCount(waiting[0].count)} × ${waiting[0].reason}`)}`] : []
  const fixed = head.length + reason.length + 2 * tables.length
  const shares = share(
    tables.map(({ rows }) => Math.min(rows, printedRowsMax)),
    height === undefined ? Number.POSITIVE_INFINITY : Math.max(tables.length, height - fixed),
  )
  return [...head, ...reason, ...tables.flatMap(({ lines }, n) => ['', ...lines(shares[n])])]
}

function headLines(
  { time, peers, resources, available, tasks, actors }: Snapshot,
  before: Snapshot | undefined,
  terminal: Terminal,
): string[] {
  const ended = (one: Snapshot['tasks']) => one.finished + one.failed + one.cancelled
  const seconds = before ? (time - before.time) / 1000 : 0
  const rate = before && seconds > 0 ? (ended(tasks) - ended(before.tasks)) / seconds : undefined
  const alive = peers.filter(({ state }) => state === 'alive').length
  const usedCpus = resources.cpus - available.cpus
  const taskCounts = [
    `${formatCount(tasks.running)} running`,
    `${formatCount(tasks.queued + tasks.waiting)} waiting`,
    `${formatCount(ended(tasks))} ended`,
    ...(rate === undefined ? [] : [`${formatCount(Math.max(0, Math.round(rate)))}/s`]),
  ]
  const actorCounts = Object.entries(actors).filter(([, count]) => count > 0)
  return [
    `${terminal.style('bold', 'shoal top')}  ${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC  ${alive === 1 ? '1 peer' : `${formatCount(alive)} peers`} alive, ${formatCount(usedCpus)} of ${formatCount(resources.cpus)} CPUs used`,
    `tasks: ${taskCounts.join(', ')}${actorCounts.length > 0 ? `; actors: ${actorCounts.map(([state, count]) => `${formatCount(count)} ${state}`).join(', ')}` : ''}`,
  ]
}

/** Its head, then as many rows as are asked for; the last of them says how many there are besides. */
function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], terminal: Terminal) {
  // A column that is empty in every row takes no room.
  const used = columns.filter((column, n) => n === 0 || rows.some(row => column.text(row) !== ''))
  return {
    rows: Math.max(1, rows.length),
    lines(count: number): string[] {
      if (rows.length === 0) return [terminal.style('dim', columns[0].title), 'none']
      const shown = rows.length > count ? rows.slice(0, Math.max(0, count - 1)) : rows
      const more = rows.length - shown.length
      const lines = formatTable(used, shown, terminal).split('\n')
      return more > 0 ? [...lines, `… ${formatCount(more)} more`] : lines
    },
  }
}

/** Divides `room` among those who want so much: the small ones get all, the others equal shares. */
export function share(wanted: readonly number[], room: number): number[] {
  const got = wanted.map(() => 0)
  let left = room
  const smallFirst = wanted.map((_, n) => n).sort((a, b) => wanted[a] - wanted[b])
  for (const [n, at] of smallFirst.entries()) {
    got[at] = Math.min(wanted[at], Math.max(1, Math.floor(left / (wanted.length - n))))
    left -= got[at]
  }
  return got
}

/** `0.42 ms`, `12 ms`, `3.4 s`, `12 min`. */
function formatRun(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${formatCount(Math.round(ms / 60_000))} min`
}

function used({ resources, available }: PeerInfo, name: 'cpus' | 'gpus'): string {
  const inUse = Math.round((resources[name] - available[name]) * 1e4) / 1e4
  return `${formatCount(inUse)} of ${formatCount(resources[name])}`
}
