import type { FunctionSpec, ProcessSpec } from '../../wire/records.ts'
import { type ActorKind, ownPool, sharedPool } from '../core/index.ts'

/** The name of the workers that may run a function (`Kind.pool`): '' for threads, for processes what makes them alike. */
export function poolOf({ process, actor }: Pick<FunctionSpec, 'process' | 'actor'>): string {
  if (process === undefined) return actor ? (actor.shares ? sharedPool : ownPool) : ''
  const { env, memoryBytes } = process
  const sorted = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({ env: Object.fromEntries(sorted), memoryBytes } satisfies ProcessSpec)
}

/** What such a name says. */
export function processOf(pool: string): ProcessSpec {
  return JSON.parse(pool) as ProcessSpec
}

/** What the cores know of a class of actors; undefined for what is none. */
export function actorOf({ name, actor }: Pick<FunctionSpec, 'name' | 'actor'>): ActorKind | undefined {
  return actor && { ...actor, className: name, name: actor.name }
}
