/** Everything that users import, as `index.ts` gives it to drivers and the code of tasks sees it. */
import './orphans.ts'
import './worker.ts'

export { actor } from './actor.ts'
export { ActorPool } from './actor-pool.ts'
export { asCompleted } from './asCompleted.ts'
export { cancel } from './cancel.ts'
export { context, mesh } from './context.ts'
export * from './errors/index.ts'
export { get } from './get.ts'
export { init } from './init.ts'
export {
  checkpoint,
  drain,
  exitActor,
  getActor,
  kill,
  placementGroup,
} from './later.ts'
export { move, release } from './move.ts'
export { put } from './put.ts'
export { Queue } from './queue.ts'
export { registerType, type TypeCodec } from './register-type.ts'
export { task } from './task.ts'
export type * from './types.ts'
export { wait } from './wait.ts'
