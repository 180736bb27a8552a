export type { ActorPart } from './actors.ts'
export type { Strategy } from './bundle-placing.ts'
export type { BundleName } from './bundles.ts'
export { Client, clientMax, keyOf } from './clients.ts'
export type { DeadActor } from './dead-actors.ts'
export type { PeerOffer, Room } from './exchange.ts'
export { type Failure, type MemoryUse, reasonOf, type ThreadEnd } from './failures.ts'
export { type GroupView, resourcesText } from './group-kinds.ts'
export type { FinishedTask } from './history.ts'
export {
  type ActorKind,
  type CallKind,
  isProcessPool,
  Kind,
  type KindSpec,
  type LabelRule,
  labelFits,
  ownPool,
  type Placement,
  sharedPool,
} from './kinds.ts'
export { limits } from './limits.ts'
export type { Bytes } from './objects.ts'
export {
  type Cancelling,
  type Effects,
  type GrantEnd,
  type Guest,
  type GuestEnd,
  type GuestProduct,
  Owner,
  type Submission,
  type TaskEnd,
  type TimerReason,
} from './owner.ts'
export { PeerTable, type RemotePeer } from './peers.ts'
export type { Phase, TaskPhase } from './phases.ts'
export { type GroupRoom, type GroupSpec, PlacementGroups } from './placement-groups.ts'
export type { Produced } from './products.ts'
export { type Demand, type ResourceMap, ResourceTable } from './resources.ts'
export { type Attempt, type Location, state } from './rows.ts'
export { type Memory, type RoomRequest, Spilling } from './spilling.ts'
