// A program that waits for items of a queue that another has made; for queue.test.ts to kill.
import { init, Queue } from 'shoal'

await using _mesh = await init({ namespace: 'queues' })
const queue = new Queue<number>(0, { name: process.argv[2], getIfExists: true })
await queue.put(0)
await queue.size()
console.log('waiting')
await Promise.all([queue.get(), queue.get(), queue.getBatch(3)])
