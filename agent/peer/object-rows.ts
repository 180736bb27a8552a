import { objectIdText } from '../../wire/ids.ts'
import { type Owner, state } from '../core/index.ts'
import type { Placed } from './row-pages.ts'
import type { StateSources } from './state.ts'

/** Who holds the objects of a peer, by their rows. */
interface Holders {
  /** Refs in programs and workers of this peer. */
  readonly local: Uint32Array
  /** Tasks that are not over and name it in their arguments. */
  readonly tasks: Uint32Array
  /** Objects inside whose value it is. */
  readonly objects: Uint32Array
}

/** The objects that a peer owns and keeps, from row `after` on, with who holds them. */
export function* objectRows(peer: StateSources, after: number): Iterable<Placed> {
  const { peerId, parts, jobId } = peer
  const { owner } = parts
  const { rows, kinds, objects } = owner
  let holders: Holders | undefined
  let names: Map<string, string> | undefined
  for (let row = after; row < rows.capacity; row++) {
    const at = rows.state[row]
    if (at !== state.ready && at !== state.failed && at !== state.remote) continue
    const extra = rows.extra[row]
    // What another peer owns is in that peer's rows.
    if (extra?.home || extra?.products || objects.isForeign(row)) continue
    const forLineage = extra?.lineageHolders ?? 0
    if (rows.holders[row] === forLineage && forLineage > 0) continue
    const locations = (extra?.locations ?? []).map(location => owner.peers.get(location.peer).peerId)
    if (at !== state.remote || objects.isHere(row)) locations.unshift(peerId)
    const task = extra?.madeBy?.task ?? row
    const isTask = rows.kind[task] >= 0
    let name = isTask ? kinds[rows.kind[task]]?.name : undefined
    if (extra?.wasResult) {
      names ??= namesOfFinished(owner)
      name = names.get(`${rows.client[row]}/${rows.number[row]}`)
    }
    holders ??= holdersOf(owner)
    yield {
      row: {
        objectId: objectIdText(peer, rows.client[row], rows.number[row]),
        bytes: extra?.bytes ?? 0,
        kind: isTask || extra?.wasResult ? 'result' : 'put',
        ownerId: peerId,
        jobId: jobId(rows.job[task]),
        locations,
        spilled: at === state.remote && extra?.disk !== undefined,
        references: {
          local: holders.local[row] + (extra?.pins ?? 0),
          borrowers: extra?.borrowers?.size ?? 0,
          tasks: holders.tasks[row],
          objects: holders.objects[row],
        },
        ...(name === undefined ? {} : { name }),
      },
      next: row + 1,
    }
  }
}

/** Counted when asked, once for all rows of a page: nothing is kept for it. */
function holdersOf({ rows, clients }: Owner): Holders {
  const local = new Uint32Array(rows.capacity)
  const tasks = new Uint32Array(rows.capacity)
  const objects = new Uint32Array(rows.capacity)
  for (const client of clients.values()) for (const { row } of client.slots()) local[row]++
  for (let row = 0; row < rows.capacity; row++) {
    const at = rows.state[row]
    const held = at === state.free ? undefined : rows.extra[row]?.holds
    if (!held) continue
    const by = at >= state.waiting && at <= state.resuming ? tasks : objects
    for (const one of new Set(held)) by[one]++
  }
  return { local, tasks, objects }
}

/** The names of the tasks that are remembered, by their results. */
function namesOfFinished({ history }: Owner): Map<string, string> {
  const names = new Map<string, string>()
  for (const { client, number, kind } of history.entries()) names.set(`${client}/${number}`, kind.name)
  return names
}
