export { CLAIMS, type StartedWorker, shoalUrl, startWorker } from './start.ts'
