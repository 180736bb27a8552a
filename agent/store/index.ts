export { Allocator } from './allocator.ts'
export { type SpillEvents, SpilledReader, SpillFiles } from './spill-files.ts'
