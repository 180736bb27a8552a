import { parentPort, workerData } from 'node:worker_threads'
import { CodeLoader, userFrames } from '../../../agent/code/index.ts'
import { TypeRegistry } from '../../../wire/values/index.ts'
import { tokens } from './remote.ts'

const blobs = new Map<string, Uint8Array>()
const loader = new CodeLoader({
  extensions: [tokens],
  types: new TypeRegistry(),
  shoalUrl: new URL('../../../sdk/index.ts', import.meta.url).href,
  folders: workerData.folders,
  peerId: 'peer-of-test',
  blob: hash => blobs.get(hash),
})

parentPort!.on('message', async ({ id, hash, bytes, blobs: given, args }) => {
  for (const blob of given) blobs.set(blob.hash, blob.bytes)
  try {
    const loaded = loader.load(hash, bytes)
    const code = loaded instanceof Promise ? await loaded : loaded
    const { root, types } = code.instance()
    // A class is made with the arguments, and answers by its `run`.
    if (code.kind === 'class') {
      const made = new (root as new (...args: unknown[]) => { run(): unknown })(...args)
      parentPort!.postMessage({ id, value: await made.run() })
      return
    }
    const named = args.map((one: unknown) => (one === '$types' ? types : one))
    let value = await root(...named)
    if (code.kind.endsWith('generator')) {
      const all: unknown[] = []
      for await (const one of value) all.push(one)
      value = all
    }
    parentPort!.postMessage({ id, value })
  } catch (error: any) {
    const { name, message, code, package: packageName, peerId } = error
    const stack = typeof error.stack === 'string' ? userFrames(error.stack) : ''
    parentPort!.postMessage({
      id,
      error: { name, message, stack, code, package: packageName, peerId, causedBy: error.cause?.message },
    })
  }
})
