/** The public types of Shoal, by concept. */

export type { NameRow } from '../wire/names.ts'
export type * from '../wire/state.ts'
export type * from './types/actor-pool.ts'
export type * from './types/actors.ts'
export type * from './types/mesh.ts'
export type * from './types/objects.ts'
export type * from './types/placement-groups.ts'
export type * from './types/queue.ts'
export type * from './types/tasks.ts'
