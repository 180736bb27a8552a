export { CLAIMS, markOf, pipes, startProcess } from './process-start.ts'
export { type StartedWorker, shoalUrl, startWorker } from './start.ts'
