import { TaskError } from './classes.ts'
import { userFrames } from './stack.ts'

/** What makes a TaskError: which task, where, and what its function threw. */
export interface TaskFailure {
  taskId: string
  functionName: string
  peerId: string
  attempt: number
  /** What was thrown: in most cases an error, but JavaScript throws anything. */
  cause: unknown
}

/**
 * The error of a task whose function threw. Its message names the function, the peer and what was thrown; its stack is
 * that of the place which threw, so that whoever prints `error.stack` sees the user's own line.
 */
export function taskError({ taskId, functionName, peerId, attempt, cause }: TaskFailure): TaskError {
  const message = `${functionName} failed on peer ${peerId}: ${thrownText(cause)}`
  return withStackOf(new TaskError(message, { taskId, functionName, peerId, attempt, cause }))
}

/**
 * The error of a task that never ran, since an argument had failed with `cause`. Along a chain of such tasks the cause
 * stays that of the first, so that an error does not grow with the length of the chain.
 */
export function dependencyError({ taskId, functionName, peerId, cause }: Omit<TaskFailure, 'attempt'>): TaskError {
  const root = cause instanceof TaskError && cause.attempt === 0 ? cause.cause : cause
  const message = `${functionName} did not run, since an argument had failed: ${thrownText(root)}`
  return withStackOf(new TaskError(message, { taskId, functionName, peerId, attempt: 0, cause: root }))
}

function withStackOf(error: TaskError): TaskError {
  error.stack = [`${error.name}: ${error.message}`, ...userFrames(stackOf(error.cause))].join('\n')
  return error
}

/** A short text of what was thrown. */
export function thrownText(thrown: unknown): string {
  try {
    if (typeof thrown !== 'object' || thrown === null || !('message' in thrown)) return String(thrown)
    const { name, message } = thrown as { name?: unknown; message: unknown }
    if (message === '') return String(name ?? 'Error')
    return String(message)
  } catch {
    return 'something that has no text'
  }
}

/** The stack of what was thrown; empty where it has none, or throws itself when it is asked. */
export function stackOf(thrown: unknown): string {
  try {
    const stack = typeof thrown === 'object' && thrown !== null && 'stack' in thrown ? thrown.stack : ''
    return typeof stack === 'string' ? stack : ''
  } catch {
    return ''
  }
}
