import { currentSession } from '../session.ts'

/** A promise whose waiting counts as waiting for the mesh: keeps a driver alive, frees a task's resources meanwhile. */
export function waitForMesh<T>(work: Promise<T>): Promise<T> {
  const session = currentSession()
  return session ? session.engine.suspension.while(work) : work
}
