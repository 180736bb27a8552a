import { get, init, type ObjectRef, put } from 'shoal'
import type { Reading } from '../figure.ts'
import { interleave } from '../statistics.ts'

const count = 50_000
const outstanding = 1000
/** Ray 2.55 on the machine where the marks were set. */
const ray = { put: 1650, get: 8200 }

/** Small values: put, and read back. */
export async function measure(): Promise<Reading[]> {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  let refs: ObjectRef<{ i: number; text: string }>[] = []
  const putAll = async (): Promise<number> => {
    for (const ref of refs) ref.release()
    refs = []
    const startedAt = performance.now()
    for (let done = 0; done < count; done += outstanding) {
      const some = Array.from({ length: outstanding }, (_, i) => put({ i: done + i, text: 'a small value' }))
      refs.push(...(await Promise.all(some)))
    }
    return (count / (performance.now() - startedAt)) * 1000
  }
  const getAll = async (): Promise<number> => {
    const startedAt = performance.now()
    let sum = 0
    for (const ref of refs) sum += (await get(ref)).i
    if (sum !== (count * (count - 1)) / 2) throw new Error('a value is wrong')
    return (count / (performance.now() - startedAt)) * 1000
  }
  await interleave(2, { put: putAll, get: getAll })
  const perSecond = await interleave(5, { put: putAll, get: getAll })
  return [
    {
      what: 'put of small values',
      value: perSecond.put,
      unit: '/s',
      limit: { what: 'Ray', value: ray.put },
      mark: { of: 'value', atLeast: 100_000 },
    },
    {
      what: 'get of them, one after the other',
      value: perSecond.get,
      unit: '/s',
      limit: { what: 'Ray', value: ray.get },
      mark: { of: 'value', atLeast: 100_000 },
    },
  ]
}
