import { get, init, type ObjectRef, put, release, task, wait } from 'shoal'
import type { Reading } from '../figure.ts'
import { median } from '../statistics.ts'

/** Ray 2.55 on the machine where the marks were set, in ms. */
const ray = { arguments: 920, returns: 84, inside: 78, wait: 560 }

/** Many refs at once, as Ray's own benchmark of many objects has them. */
export async function measure(): Promise<Reading[]> {
  await using _mesh = await init({ address: 'local', cpus: 2 })
  const count = task((...args: number[]) => args.length)
  const one = task((i: number) => i)
  const many = task(() => Array.from({ length: 3000 }, (_, i) => i), { returns: 3000 })
  const refsOf = (n: number): Promise<ObjectRef<number>[]> => Promise.all(Array.from({ length: n }, (_, i) => put(i)))
  const expect = (is: unknown, due: unknown): void => {
    if (is !== due) throw new Error(`${is} in place of ${due}`)
  }

  const asArguments = async (): Promise<number> => {
    const args = await refsOf(10_000)
    const taken = await ms(async () => expect(await get(count.remote(...args)), 10_000))
    release(...args)
    return taken
  }
  const returns = async (): Promise<number> => {
    let refs: ObjectRef<number>[] = []
    const taken = await ms(async () => {
      refs = many.remote() as ObjectRef<number>[]
      expect((await get(refs)).length, 3000)
    })
    release(...refs)
    return taken
  }
  const inside = async (): Promise<number> => {
    const refs = await refsOf(10_000)
    const box = await put(refs)
    let got: ObjectRef<number>[] = []
    const taken = await ms(async () => {
      got = await get(box)
    })
    expect(got.length, 10_000)
    release(box, ...refs, ...got)
    return taken
  }
  const waiting = (): Promise<number> =>
    ms(async () => {
      let pending = Array.from({ length: 1000 }, (_, i) => one.remote(i))
      while (pending.length > 0) pending = (await wait(pending)).pending
    })
  return [
    await reading('10,000 refs as arguments of one task', asArguments, ray.arguments),
    await reading('3,000 results of one task', returns, ray.returns),
    await reading('get of an object with 10,000 refs in it', inside, ray.inside),
    await reading('wait over 1,000 refs, one by one', waiting, ray.wait),
  ]
}

async function ms(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

async function reading(what: string, measureOnce: () => Promise<number>, rival: number): Promise<Reading> {
  const values: number[] = []
  for (let round = 0; round < 40; round++) values.push(await measureOnce())
  return {
    what,
    value: median(values.slice(10)),
    unit: 'ms',
    limit: { what: 'Ray', value: rival },
    mark: { of: 'ratio', atMost: 1 / 20 },
  }
}
