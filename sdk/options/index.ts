export {
  checkActorClass,
  checkActorOptions,
  checkActorTogether,
  checkCallOptions,
  checkKillOptions,
  checkName,
} from './actor.ts'
export { type Address, checkInitOptions, parseAddress } from './init.ts'
export { checkDrain, checkNeed, checkTicketOptions, checkWaitForOptions } from './mesh.ts'
export { type Own, own } from './own.ts'
export { checkBundles, checkGroupOptions, checkReadyOptions } from './placement-group.ts'
export {
  checkHandle,
  checkHandles,
  checkNextOptions,
  checkPoolCall,
  checkPoolValues,
  checkQueueBatch,
  checkQueueCount,
  checkQueueOptions,
  checkQueueSize,
  checkQueueWaitOptions,
} from './pool.ts'
export {
  checkAsCompletedOptions,
  checkCancelOptions,
  checkCompletedRefs,
  checkGetOptions,
  checkGetTarget,
  checkPutOptions,
  checkRef,
  checkWaitOptions,
  checkWaitRefs,
  type IsRef,
} from './refs.ts'
export { type Place, refuse, refuseDetached } from './refuse.ts'
export { resourceParts } from './rules.ts'
export { checkRowFilter } from './state.ts'
export {
  checkMapItems,
  checkMapOptions,
  checkMapped,
  checkTaskFunction,
  checkTaskOptions,
  checkTogether,
} from './task.ts'
