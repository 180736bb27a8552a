export { blobsOf } from '../../wire/code/format.ts'
export type { Instance, LoadedType } from './instance.ts'
export { CodeLoader, type CodeLoaderOptions, type LoadedCode } from './loader.ts'
export { userFrames } from './stacks.ts'
