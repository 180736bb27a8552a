import { errorExtension } from '../../wire/error-extension.ts'
import {
  ActorDiedError,
  CancelledError,
  InfeasibleError,
  NameTakenError,
  ObjectLostError,
  OutOfMemoryError,
  OwnerDiedError,
  PeerDiedError,
  PlacementGroupRemovedError,
  type ShoalError,
  StoreFullError,
  TaskTimeoutError,
  WorkerDiedError,
} from '../../wire/errors/index.ts'
import { Encoder, TypeRegistry } from '../../wire/values/index.ts'
import type { Failure } from '../core/index.ts'

const encoder = new Encoder({ types: new TypeRegistry(), extensions: [errorExtension] })

function encoded(error: ShoalError): Uint8Array {
  // The agent's own frames tell a user nothing.
  error.stack = `${error.name}: ${error.message}`
  encoder.start()
  encoder.value(error, 'error')
  return encoder.bytes()
}

/** Who a failure is about. */
export interface FailureContext {
  taskId: string
  objectId: string
  peerId: string
  attempt: number
  /** Of an actor, or of a call: which actor. */
  actorId: string
  className: string
}

/** The error that a program sees for a failure that the agent noticed, as bytes of a value. */
export function failureValue(failure: Exclude<Failure, { kind: 'code' }>, about: FailureContext): Uint8Array {
  // Where in the agent it is made says nothing to a user, and thousands may be made at once.
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return encodedFailure(failure, about)
  } finally {
    Error.stackTraceLimit = limit
  }
}

function encodedFailure(failure: Exclude<Failure, { kind: 'code' }>, about: FailureContext): Uint8Array {
  const { taskId, peerId, attempt } = about
  switch (failure.kind) {
    case 'infeasible': {
      const { name, resource, requested, has } = failure
      const message = `${name} asks for ${requested} ${resource}, and no peer could ever give it: the mesh has ${has}. Ask for less, or start a peer that has it`
      return encoded(new InfeasibleError(message, { resource, requested, has }))
    }
    case 'no-bundle': {
      const { name, resource, requested, has } = failure
      const message = `${name} asks for ${requested} ${resource}, and no bundle of its placement group could ever give it: there is ${has}. Ask for less, or make a group with a larger bundle`
      return encoded(new InfeasibleError(message, { resource, requested, has }))
    }
    case 'group-removed': {
      const { name, group, reason } = failure
      const message = `the placement group of ${name} is gone: ${reason} (${group})`
      return encoded(new PlacementGroupRemovedError(message, { groupId: group, reason }))
    }
    case 'timeout': {
      const { name, timeoutMs } = failure
      const message = `${name} ran past its timeoutMs of ${timeoutMs} ms, and was stopped`
      return encoded(new TaskTimeoutError(message, { taskId, functionName: name, timeoutMs, peerId, attempt }))
    }
    case 'cancelled': {
      const { name } = failure
      return encoded(new CancelledError(`${name} was cancelled`, { taskId, functionName: name }))
    }
    case 'worker-died': {
      const { name, exitCode, signal = null, isProcess, lastLines, stoppedTask, reason } = failure
      const because = stoppedTask ? `${reason}, to stop ${stoppedTask}, which ran on it too` : reason
      const lines = lastLines.length > 0 ? `; its last lines:\n${lastLines.map(line => `  ${line}`).join('\n')}` : ''
      const message = `the ${isProcess ? 'process' : 'thread'} that ran ${name} ended: ${because}${lines}`
      const fields = { taskId, functionName: name, exitCode, signal, lastLines, stoppedTask, peerId, attempt }
      return encoded(new WorkerDiedError(message, fields))
    }
    case 'out-of-memory': {
      const { name, limitBytes, usedBytes } = failure
      const message = `${name} took ${usedBytes} bytes of memory, more than its memoryBytes of ${limitBytes}, and its process was ended. Raise memoryBytes, or hold less at a time`
      const fields = { taskId, functionName: name, peerId, attempt, limitBytes, usedBytes }
      return encoded(new OutOfMemoryError(message, fields))
    }
    case 'owner-died': {
      const { peerId: owner } = failure
      return encoded(
        new OwnerDiedError(`the peer that owned the object is gone: ${owner}`, {
          objectId: about.objectId,
          peerId: owner,
        }),
      )
    }
    case 'peer-died': {
      const { name, peerId: lost } = failure
      const message = `the peer that ran ${name} was lost, and its retries are used up: ${lost}`
      return encoded(new PeerDiedError(message, { taskId, functionName: name, peerId: lost, attempt }))
    }
    case 'actor-died': {
      const { name, reason, cause } = failure
      const className = name ?? about.className
      const message = `the actor ${className} died: ${reason}`
      return encoded(new ActorDiedError(message, { actorId: about.actorId, className, reason, cause }))
    }
    case 'name-taken': {
      const { actorName, namespace } = failure
      const message = `the name '${actorName}' is held by another actor in namespace '${namespace}': getActor or getIfExists gives that one`
      return encoded(new NameTakenError(message, { actorName, namespace }))
    }
    case 'lost':
      return encoded(
        new ObjectLostError(`the object is lost: ${failure.reason}`, {
          objectId: about.objectId,
          reason: failure.reason,
        }),
      )
  }
}

/** For the one who asked for room that is not there. */
export function storeFullValue(
  requestedBytes: number,
  store: { capacityBytes: number; usedBytes: number },
  trouble?: string,
): Uint8Array {
  const { capacityBytes, usedBytes } = store
  const message = `the object store has no room for ${requestedBytes} bytes: ${whyFull(requestedBytes, store, trouble)}. Release what is not needed, or give it more (objectStoreBytes, shoal up --object-store)`
  return encoded(new StoreFullError(message, { requestedBytes, capacityBytes, usedBytes }))
}

function whyFull(
  requestedBytes: number,
  store: { capacityBytes: number; usedBytes: number },
  trouble?: string,
): string {
  const { capacityBytes, usedBytes } = store
  if (requestedBytes > capacityBytes) return `it has ${capacityBytes} bytes in all`
  const free = `${capacityBytes - usedBytes} of ${capacityBytes} bytes are free`
  return trouble === undefined
    ? `${free}, and the rest is being read`
    : `${free}, and nothing more can be written to disk (${trouble})`
}
