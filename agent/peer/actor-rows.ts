import { type ActorPart, type DeadActor, type Owner, state } from '../core/index.ts'
import type { PeerParts } from './parts.ts'
import type { Placed, Row } from './row-pages.ts'

/** What rows of actors are made from. */
export interface ActorRowSources {
  readonly peerId: string
  readonly parts: PeerParts
  jobId(job: number): string
  /** The id of an actor. */
  actorId(client: number, number: number): string
  workerId(thread: number): string
  pidOf(thread: number): number
}

/**
 * The actors that this peer owns: those that live from row `after` on, then those that are over, newest first; below zero a
 * place in all that were ever over.
 */
export function* actorRows(sources: ActorRowSources, after: number): Iterable<Placed> {
  const { owner } = sources.parts
  if (after >= 0) {
    for (const row of owner.actors.known) {
      if (row < after || !isShown(owner, row)) continue
      yield { row: liveRow(sources, row), next: row + 1 }
    }
  }
  for (const { place, actor } of owner.actors.dead.entries(after < 0 ? -after - 1 : undefined))
    yield { row: deadRow(sources, actor), next: -place - 1 }
}

/** How many there are, by state. */
export function actorCounts(owner: Owner): Record<string, number> {
  const counts = { pending: 0, alive: 0, restarting: 0, dead: owner.actors.dead.count }
  for (const row of owner.actors.known) {
    if (isShown(owner, row)) counts[stateOf(owner.rows.state[row], owner.rows.extra[row]?.actor as ActorPart)]++
  }
  return counts
}

/** Whether a row stands for an actor of this peer's that is not over: those of lineage alone are. */
function isShown({ rows }: Owner, row: number): boolean {
  const extra = rows.extra[row]
  const at = rows.state[row]
  return !extra?.home && extra?.alias === undefined && at !== state.failed && at !== state.gone
}

function stateOf(at: number, part: ActorPart): 'pending' | 'alive' | 'restarting' {
  if (at >= state.ready) return 'alive'
  return part.restarts > 0 ? 'restarting' : 'pending'
}

function liveRow(sources: ActorRowSources, row: number): Row {
  const { owner } = sources.parts
  const { rows } = owner
  const extra = rows.more(row)
  const part = extra.actor as ActorPart
  const is = stateOf(rows.state[row], part)
  const known = about(sources, {
    client: rows.client[row],
    number: rows.number[row],
    kind: rows.kind[row],
    job: rows.job[row],
  })
  return {
    ...known,
    state: is,
    ...(is === 'alive' ? place(sources, row) : { reason: reasonOf(sources, row) }),
    restarts: part.restarts,
    pendingCalls: part.pending,
    jobId: sources.jobId(rows.job[row]),
  }
}

function reasonOf({ parts: { owner } }: ActorRowSources, row: number): string {
  switch (owner.rows.state[row]) {
    case state.waiting:
      return owner.rows.extra[row]?.actor?.reason ?? 'waits for its arguments'
    case state.queued:
      return owner.scheduler.reason(row)
    default:
      return 'its constructor runs'
  }
}

/** Where an actor is that lives. */
function place(sources: ActorRowSources, row: number): Row {
  const { owner, peerFacts } = sources.parts
  const extra = owner.rows.more(row)
  const thread = extra.actor?.instance?.thread
  if (thread !== undefined)
    return { peerId: sources.peerId, workerId: sources.workerId(thread), pid: sources.pidOf(thread) }
  const location = extra.locations?.[0]
  if (!location) return {}
  const { peerId } = owner.peers.get(location.peer)
  const { at } = extra.attempts?.at(-1) ?? {}
  if (at?.peerId === peerId) return { peerId, workerId: at.workerId, pid: at.pid }
  return { peerId, pid: peerFacts(peerId).pid }
}

function about(
  { parts, actorId }: ActorRowSources,
  { client, number, kind, job }: { client: number; number: number; kind: number; job: number },
): Row {
  const spec = parts.specs[kind]
  const { name, namespace, detached } = spec.actor ?? {}
  return {
    actorId: actorId(client, number),
    className: spec.name,
    ...(name === undefined ? {} : { name }),
    namespace: namespace ?? parts.namespaceOf(job, kind),
    lifetime: detached ? 'detached' : 'refs',
  }
}

function deadRow(sources: ActorRowSources, actor: DeadActor): Row {
  return {
    ...about(sources, actor),
    state: 'dead',
    reason: actor.reason,
    restarts: actor.restarts,
    pendingCalls: 0,
    jobId: sources.jobId(actor.job),
  }
}
