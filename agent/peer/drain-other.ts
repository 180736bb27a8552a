import { setTimeout as delay } from 'node:timers/promises'
import { ConnectError, InvalidOptionError } from '../../wire/errors/index.ts'
import type { DrainOptions } from './drain.ts'
import { limits } from './limits.ts'

/** What draining any peer of the mesh needs of this one. */
export interface DrainOtherHost {
  readonly own: string
  /** Rows of the other members. */
  members(): readonly Record<string, unknown>[]
  linked(): Iterable<{ peerId: string; index: number }>
  /** Drains this one. */
  here(options: DrainOptions): Promise<void>
  ask(peer: number, method: string, params: unknown): Promise<unknown>
}

/** Drains a peer by its id, for a program of this one. One that has left, or leaves meanwhile, is drained. */
export async function drainOther(
  { peerId, deadlineMs }: { peerId: string; deadlineMs?: number },
  host: DrainOtherHost,
): Promise<void> {
  const how = deadlineMs === undefined ? {} : { deadlineMs }
  if (peerId === host.own) {
    await host.here(drainOptionsFrom(how))
    return
  }
  const member = host.members().find(row => row.peerId === peerId)
  if (!member) throw unknown(peerId, host)
  if (member.state === 'left' || member.state === 'dead') return
  const index = await linkedAs(peerId, host)
  // Who does not answer any more has left.
  const isLinked = (): boolean => [...host.linked()].some(peer => peer.index === index)
  await host.ask(index, 'drain', how).catch((error: unknown) => {
    if (isLinked()) throw error
  })
}

function unknown(peerId: string, { own, members }: DrainOtherHost): InvalidOptionError {
  const known = [own, ...members().flatMap(row => (row.state === 'left' || row.state === 'dead' ? [] : [row.peerId]))]
  const allowed = `the id of a peer of this mesh: ${known.join(', ')}`
  return new InvalidOptionError(`drain: peerId must be ${allowed}; it was '${peerId}'`, {
    option: 'peerId',
    value: peerId,
    allowed,
  })
}

/** A peer that is not linked may be met within a moment. */
async function linkedAs(peerId: string, { linked }: DrainOtherHost): Promise<number> {
  for (const until = performance.now() + limits.strangerMs; ; await delay(limits.relinkMs)) {
    for (const peer of linked()) if (peer.peerId === peerId) return peer.index
    if (performance.now() < until) continue
    const reason = 'it is a member of the mesh, and does not answer'
    throw new ConnectError(`${peerId} cannot be drained: ${reason}`, { attempts: [{ address: peerId, reason }] })
  }
}

/** The options of a drain as another peer, or a program, says them; no deadline: what runs has any time it needs. */
export function drainOptionsFrom(params: unknown): DrainOptions {
  const { deadlineMs } = (params ?? {}) as { deadlineMs?: unknown }
  const isGiven = typeof deadlineMs === 'number' && deadlineMs >= 0
  return { deadlineMs: isGiven ? deadlineMs : Number.POSITIVE_INFINITY }
}
