import { limits } from './limits.ts'

/** A row as programs see it. */
export type Row = Record<string, unknown>

/** What a question about rows may say. `after`: where the page before this one ended. */
export interface RowsQuestion<At = MeshPlace> {
  filter?: Record<string, unknown>
  /** Rows of the answer, at most. */
  limit?: number
  after?: At
}

/** Rows, and where the next page begins; undefined: these were the last. */
export interface Page<At = MeshPlace> {
  rows: Row[]
  next?: At
}

/** A row of one peer, and where what comes after it begins. */
export interface Placed {
  row: Row
  next: number
}

/** Where a page of all peers ended: at each that has more rows. Programs only hand it back. */
export type MeshPlace = Record<string, number>

/** What one peer said. */
export interface Answer {
  peerId: string
  answer: unknown
}

/** What a peer knows of the others. */
export interface Others {
  /** Rows as `peers` gives them. */
  members(): Row[]
  /** Those that can be asked. */
  linked(): string[]
  /** The answers of those that answer in time, of all or of some. */
  ask(method: string, params: (peerId: string) => unknown, only?: ReadonlySet<string>): Promise<Answer[]>
}

/** This peer's own place among those of a page. */
const HERE = ''

export function isWanted(row: Row, filter: Record<string, unknown> = {}): boolean {
  for (const key in filter) if (String(row[key]) !== String(filter[key])) return false
  return true
}

/** A page of one peer's rows. */
export function page(
  rows: Iterable<Placed>,
  { filter = {}, limit = limits.stateRowsMax }: RowsQuestion<number>,
): Page<number> {
  const count = limit > 0 ? Math.min(limit, limits.stateRowsMax) : limits.stateRowsMax
  const found: Row[] = []
  let next = 0
  for (const placed of rows) {
    if (!isWanted(placed.row, filter)) continue
    if (found.length === count) return { rows: found, next }
    found.push(placed.row)
    next = placed.next
  }
  return { rows: found }
}

/**
 * A page of all peers' rows: each gives an equal share of it, and goes on where it ended. One that does not answer in time is
 * left out from then on.
 */
export async function mergedPage(
  method: string,
  { filter, limit = limits.stateRowsMax, after }: RowsQuestion,
  { here, others }: { here(question: RowsQuestion<number>): Page<number>; others: Others },
): Promise<Page> {
  const places = new Map(Object.entries(after ?? firstPlaces(others)))
  const share = Math.max(1, Math.ceil(Math.min(limit, limits.stateRowsMax) / Math.max(1, places.size)))
  const questionOf = (peerId: string): RowsQuestion<number> => ({
    ...(filter ? { filter } : {}),
    limit: share,
    after: places.get(peerId) ?? 0,
  })
  const rows: Row[] = []
  const next: MeshPlace = {}
  const take = (peerId: string, answer: Page<number>): void => {
    for (const row of answer.rows) rows.push(row)
    if (answer.next !== undefined) next[peerId] = answer.next
  }
  const away = new Set([...places.keys()].filter(peerId => peerId !== HERE))
  const asked = away.size > 0 ? others.ask(method, questionOf, away) : []
  if (places.has(HERE)) take(HERE, here(questionOf(HERE)))
  for (const { peerId, answer } of await asked) take(peerId, answer as Page<number>)
  return Object.keys(next).length > 0 ? { rows, next } : { rows }
}

function firstPlaces(others: Others): MeshPlace {
  return Object.fromEntries([HERE, ...others.linked()].map(peerId => [peerId, 0]))
}
