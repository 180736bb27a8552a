import { workerBridge } from '../wire/bridge.ts'
import { NotInitializedError } from '../wire/errors/index.ts'
import { currentSession } from './session.ts'
import type { Context, Mesh } from './types.ts'

const never = new AbortController().signal

/**
 * Where this code is, and for whom it runs. In a task: that task; in a driver: the driver's job, attempt 0, a signal that is
 * never aborted.
 * @throws NotInitializedError before `init()`
 */
export function context(): Context {
  const session = currentSession()
  if (!session) throw new NotInitializedError('context() needs a mesh: call `await init()` first')
  const { peerId, jobId, namespace } = session.engine.welcome
  const task = workerBridge()?.current()
  if (!task) {
    return { peerId, jobId, namespace, attempt: 0, gpuIds: [], signal: never, idempotencyKey: jobId, owner: peerId }
  }
  const { taskId, attempt } = task
  return {
    peerId,
    jobId: task.jobId,
    namespace: task.namespace,
    taskId,
    ...(task.actorId === undefined ? {} : { actorId: task.actorId }),
    attempt,
    gpuIds: task.gpuIds,
    get signal() {
      return task.signal
    },
    idempotencyKey: taskId,
    owner: task.owner.peerId,
  }
}

/**
 * The mesh this code is part of: in a task, and in a driver after `init()`.
 * @throws NotInitializedError
 */
export function mesh(): Mesh {
  const session = currentSession()
  if (!session) throw new NotInitializedError('mesh() needs a mesh: call `await init()` first')
  return session.mesh
}
