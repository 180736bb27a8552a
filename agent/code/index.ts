export { blobsOf } from '../../wire/code/format.ts'
export { CodeLoader, type CodeLoaderOptions, type LoadedCode, type LoadedType } from './loader.ts'
export { userFrames } from './stacks.ts'
