export { CLAIMS, FREEZE, INSIDE, markOf, pipes, startProcess } from './process-start.ts'
export { type StartedWorker, shoalUrl, startWorker } from './start.ts'
