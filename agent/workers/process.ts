import { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { record } from '../../wire/records.ts'
import { StreamInbox } from '../../wire/stream.ts'
import { sendWords } from '../../wire/texts.ts'
import type { WorkerIdentity } from './data.ts'
import { LateRecords } from './late-records.ts'
import { PipeOutbox } from './pipe-outbox.ts'
import { CLAIMS, identityVariable, markOf, pipes } from './process-start.ts'
import { serve } from './serve.ts'
import { SentStore } from './worker-store.ts'

/**
 * The entry of a worker process: two pipes to its agent, one for each direction, on which it serves, and a third that only
 * ends. A process leads a group of its own, which ends with it.
 */
const group = -process.pid

/** Ends this process and what it has started. */
function end(): never {
  process.kill(group, 'SIGKILL')
  throw new Error('not reached: this process is in the group')
}

const identity = JSON.parse(process.env[identityVariable] ?? '') as WorkerIdentity
delete process.env[identityVariable]

// A busy loop of user code sees no pipe end: a thread of its own does. It is told by the kernel, however the agent ended.
// What has left the group goes first: nobody looks for it afterwards.
new Worker(
  `const { readdirSync, readFileSync } = require('node:fs')
   const { Socket } = require('node:net')
   const attempt = what => { try { return what() } catch {} }
   const isMarked = pid => attempt(() => readFileSync('/proc/' + pid + '/environ', 'latin1').split('\\0').includes(${JSON.stringify(markOf(identity))}))
   const end = () => {
     for (const pid of attempt(() => readdirSync('/proc')) ?? []) {
       if (/^[0-9]+$/.test(pid) && Number(pid) !== ${process.pid} && isMarked(pid)) attempt(() => process.kill(Number(pid), 'SIGKILL'))
     }
     process.kill(${group}, 'SIGKILL')
   }
   const life = new Socket({ fd: ${pipes.life}, readable: true, writable: false })
   life.on('error', () => {}).on('close', end).resume()`,
  {
    eval: true,
    execArgv: [],
    env: {},
    name: 'shoal life',
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
  },
).unref()

const outbox = new PipeOutbox(pipes.out, end)
const store = new SentStore(outbox)
const claims = new Int32Array(CLAIMS)
const worker = await serve({ identity, outbox, claims, store })
const late = new LateRecords({
  record(type, field, memory, at, bytes) {
    // The agent takes nothing back from a process: the claim is free whenever it is given.
    if (type === record.run) claims[memory.i32[(at >> 2) + 1]] = 0
    worker.record(type, field, memory, at, bytes)
  },
  round: read => worker.round(read),
  skipped: (token, claim) => sendWords(outbox, record.skipped, 0, claim, token),
})
const inbox = new StreamInbox({
  record(type, field, memory, at, bytes) {
    if (type === record.given) store.given(memory, at)
    else late.record(type, field, memory, at, bytes)
  },
})
const socket = new Socket({ fd: pipes.in, readable: true, writable: false })
socket.on('data', (chunk: Buffer) => late.chunk(() => inbox.chunk(chunk)))
socket.on('error', end)
socket.on('close', end)
