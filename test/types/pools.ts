/** What users' programs may rely on at compile time, of pools and queues: `tsc -p .` is the test. Nothing here runs. */
import { type ActorHandle, ActorPool, Queue } from '../../sdk/index.ts'

class Model {
  async predict(text: string): Promise<number> {
    return text.length
  }
}
declare const handles: ActorHandle<Model>[]

/** A pool knows its class by its handles, and what its calls give. */
export async function pools(): Promise<void> {
  const pool = new ActorPool(handles)
  pool.submit((model, text: string) => model.predict.remote(text), 'text')
  // @ts-expect-error no such method
  pool.submit((model, text: string) => model.forget.remote(text), 'text')
  // @ts-expect-error another value than the function takes
  pool.submit((model, text: string) => model.predict.remote(text), 5)
  const lengths: number[] = [await pool.next(), await pool.nextUnordered({ timeoutMs: 5 })]
  for await (const length of pool.map((model, text: string) => model.predict.remote(text), ['text']))
    lengths.push(length)
  const handle: ActorHandle<Model> | undefined = pool.popIdle()
  if (handle) pool.push(handle)
}

/** Items of a queue have its type. */
export async function queues(queue: Queue<string>): Promise<string[]> {
  await queue.put('text')
  // @ts-expect-error another type
  await queue.putNow(5)
  await queue.putBatch(['text'])
  await new Queue<number>(5, { name: 'numbers', getIfExists: true }).put(1, { timeoutMs: 5 })
  return [await queue.get(), await queue.getNow(), ...(await queue.getBatch(5))]
}
