import { NotInitializedError } from '../wire/errors/index.ts'
import { TypeRegistry } from '../wire/values/index.ts'
import type { Engine } from './client/index.ts'
import type { Mesh } from './types.ts'

/** The types that this program has registered; they outlive a mesh. */
export const registeredTypes = new TypeRegistry()

/** What this thread is connected to: at most one mesh at a time. */
let session: { engine: Engine; mesh: Mesh } | undefined

export function currentSession(): { engine: Engine; mesh: Mesh } | undefined {
  return session
}

export function setSession(next: { engine: Engine; mesh: Mesh } | undefined): void {
  session = next
}

/** The engine, or NotInitializedError that says what to do. */
export function currentEngine(call: string): Engine {
  if (session) return session.engine
  throw new NotInitializedError(`${call} needs a mesh: call \`await init()\` first`)
}
