import { matchByCode, ShoalError, type ShoalErrorOptions } from './base.ts'
import { type CodeOf, type ErrorFields, type ErrorName, errorTable } from './table.ts'

/** An instance of the error class of that name: its code and its data fields. */
export type ErrorOf<Name extends ErrorName> = ShoalError &
  Readonly<ErrorFields[Name]> & { readonly code: CodeOf<Name>; readonly name: Name }

type Arguments<Fields> =
  Record<never, never> extends Fields
    ? [message: string, options?: ShoalErrorOptions<Fields>]
    : [message: string, options: ShoalErrorOptions<Fields>]

/** An error class: `new GetTimeoutError(message, { objectId, timeoutMs, cause })`. */
export interface ShoalErrorClass<Name extends ErrorName> {
  new (...args: Arguments<ErrorFields[Name]>): ErrorOf<Name>
  readonly prototype: ErrorOf<Name>
  readonly code: CodeOf<Name>
  [Symbol.hasInstance](value: unknown): value is ErrorOf<Name>
}

function errorClass<Name extends ErrorName>(name: Name): ShoalErrorClass<Name> {
  const { code } = errorTable[name]
  const made = class extends ShoalError {
    static readonly code = code
    constructor(message: string, options?: ShoalErrorOptions) {
      super(code, message, options)
    }
  }
  Object.defineProperty(made, 'name', { value: name, configurable: true })
  Object.defineProperty(made.prototype, 'name', { value: name, writable: true, configurable: true })
  matchByCode(made as unknown as typeof ShoalError, code)
  return made as unknown as ShoalErrorClass<Name>
}

/** The task's function threw: `cause` is its own error. */
export const TaskError = errorClass('TaskError')
export interface TaskError extends ErrorOf<'TaskError'> {}

/** An attempt ran past its `timeoutMs`, and was stopped. */
export const TaskTimeoutError = errorClass('TaskTimeoutError')
export interface TaskTimeoutError extends ErrorOf<'TaskTimeoutError'> {}

/** The task was cancelled, or one whose result it needs. */
export const CancelledError = errorClass('CancelledError')
export interface CancelledError extends ErrorOf<'CancelledError'> {}

/** The thread or the process that ran the task ended under it. */
export const WorkerDiedError = errorClass('WorkerDiedError')
export interface WorkerDiedError extends ErrorOf<'WorkerDiedError'> {}

/** The task's process took more memory than its `memoryBytes`. */
export const OutOfMemoryError = errorClass('OutOfMemoryError')
export interface OutOfMemoryError extends ErrorOf<'OutOfMemoryError'> {}

/** The object is gone, and cannot be made again. */
export const ObjectLostError = errorClass('ObjectLostError')
export interface ObjectLostError extends ErrorOf<'ObjectLostError'> {}

/** The peer that ran the task was lost, and its retries are used up. */
export const PeerDiedError = errorClass('PeerDiedError')
export interface PeerDiedError extends ErrorOf<'PeerDiedError'> {}

/** The agent that owned the object or the task is gone. */
export const OwnerDiedError = errorClass('OwnerDiedError')
export interface OwnerDiedError extends ErrorOf<'OwnerDiedError'> {}

/** The object store has no room for a value. */
export const StoreFullError = errorClass('StoreFullError')
export interface StoreFullError extends ErrorOf<'StoreFullError'> {}

/** `get` ran past its `timeoutMs`; the object may still come. */
export const GetTimeoutError = errorClass('GetTimeoutError')
export interface GetTimeoutError extends ErrorOf<'GetTimeoutError'> {}

/** The placement group is gone. */
export const PlacementGroupRemovedError = errorClass('PlacementGroupRemovedError')
export interface PlacementGroupRemovedError extends ErrorOf<'PlacementGroupRemovedError'> {}

/** `next` of an ActorPool that has nothing to give. */
export const PoolEmptyError = errorClass('PoolEmptyError')
export interface PoolEmptyError extends ErrorOf<'PoolEmptyError'> {}

/** A Queue has no room. */
export const QueueFullError = errorClass('QueueFullError')
export interface QueueFullError extends ErrorOf<'QueueFullError'> {}

/** A Queue has no item. */
export const QueueEmptyError = errorClass('QueueEmptyError')
export interface QueueEmptyError extends ErrorOf<'QueueEmptyError'> {}

/** No peer of the mesh could ever run the task. */
export const InfeasibleError = errorClass('InfeasibleError')
export interface InfeasibleError extends ErrorOf<'InfeasibleError'> {}

/** A function cannot travel, because of a variable that it uses. */
export const CaptureError = errorClass('CaptureError')
export interface CaptureError extends ErrorOf<'CaptureError'> {}

/** Code arrived at a peer and could not be loaded there. */
export const CodeError = errorClass('CodeError')
export interface CodeError extends ErrorOf<'CodeError'> {}

/** A value cannot travel: `path` says what in it. */
export const SerializationError = errorClass('SerializationError')
export interface SerializationError extends ErrorOf<'SerializationError'> {}

/** The mesh did not let this peer in: why. */
export const AdmissionError = errorClass('AdmissionError')
export interface AdmissionError extends ErrorOf<'AdmissionError'> {}

/** No agent could be reached: `attempts` says what was tried. */
export const ConnectError = errorClass('ConnectError')
export interface ConnectError extends ErrorOf<'ConnectError'> {}

/** No majority of those who decide about names was reached in time. */
export const NamesUnavailableError = errorClass('NamesUnavailableError')
export interface NamesUnavailableError extends ErrorOf<'NamesUnavailableError'> {}

/** An option or argument is of the wrong type, out of range, or unknown. */
export const InvalidOptionError = errorClass('InvalidOptionError')
export interface InvalidOptionError extends ErrorOf<'InvalidOptionError'> {}

/** `init()` a second time, or inside a task. */
export const AlreadyInitializedError = errorClass('AlreadyInitializedError')
export interface AlreadyInitializedError extends ErrorOf<'AlreadyInitializedError'> {}

/** A call that needs the mesh came before `init()`, or after `close()`. */
export const NotInitializedError = errorClass('NotInitializedError')
export interface NotInitializedError extends ErrorOf<'NotInitializedError'> {}

/** The mesh was closed here while something was still waiting for a result. */
export const ClosedError = errorClass('ClosedError')
export interface ClosedError extends ErrorOf<'ClosedError'> {}

/** The actor is gone, or was lost while it ran the call. */
export const ActorDiedError = errorClass('ActorDiedError')
export interface ActorDiedError extends ErrorOf<'ActorDiedError'> {}

/** More calls would wait for the actor than its `maxPendingCalls`. */
export const PendingCallsError = errorClass('PendingCallsError')
export interface PendingCallsError extends ErrorOf<'PendingCallsError'> {}

/** No actor has this name. */
export const ActorNotFoundError = errorClass('ActorNotFoundError')
export interface ActorNotFoundError extends ErrorOf<'ActorNotFoundError'> {}

/** Another actor has this name. */
export const NameTakenError = errorClass('NameTakenError')
export interface NameTakenError extends ErrorOf<'NameTakenError'> {}

/** The class of each name in the table. */
export const errorClasses: { readonly [Name in ErrorName]: ShoalErrorClass<Name> } = {
  TaskError,
  TaskTimeoutError,
  CancelledError,
  WorkerDiedError,
  OutOfMemoryError,
  ObjectLostError,
  PeerDiedError,
  OwnerDiedError,
  StoreFullError,
  GetTimeoutError,
  PoolEmptyError,
  QueueFullError,
  QueueEmptyError,
  InfeasibleError,
  PlacementGroupRemovedError,
  CaptureError,
  CodeError,
  SerializationError,
  AdmissionError,
  ConnectError,
  NamesUnavailableError,
  InvalidOptionError,
  AlreadyInitializedError,
  NotInitializedError,
  ClosedError,
  ActorDiedError,
  PendingCallsError,
  ActorNotFoundError,
  NameTakenError,
}
