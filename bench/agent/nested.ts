import { get, init, type RemoteFunction, task, wait } from 'shoal'
import type { Reading } from '../figure.ts'
import { median } from '../statistics.ts'

const rounds = 3

/** Tasks that wait for tasks. */
export async function measure(): Promise<Reading[]> {
  return [
    {
      what: '1,000 tasks f → g → h on one CPU',
      value: await chains(1000),
      unit: 'ms',
      mark: { of: 'value', atMost: 1000 },
    },
    { what: 'fib(16), 3,193 tasks', value: await fibonacci(16), unit: 'ms', mark: { of: 'value', atMost: 1000 } },
  ]
}

async function chains(count: number): Promise<number> {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const h = task((x: number) => x + 1)
  const g = task(async (x: number) => (await h.remote(x).get()) + 1)
  const f = task(async (x: number) => {
    const ref = g.remote(x)
    await wait([ref])
    return (await ref.get()) + 1
  })
  return median(
    await inTurn(async () => {
      const values = await get(Array.from({ length: count }, (_, x) => f.remote(x)))
      if (values.some((value, x) => value !== x + 3)) throw new Error('a wrong result')
    }),
  )
}

async function fibonacci(n: number): Promise<number> {
  await using _mesh = await init({ address: 'local', cpus: 2 })
  const fib: RemoteFunction<(n: number) => Promise<number>> = task(async (n: number): Promise<number> => {
    if (n < 2) return n
    const [a, b] = await get([fib.remote(n - 1), fib.remote(n - 2)])
    return a + b
  })
  return median(
    await inTurn(async () => {
      if ((await get(fib.remote(n))) !== 987) throw new Error('a wrong result')
    }),
  )
}

async function inTurn(run: () => Promise<void>): Promise<number[]> {
  const durations: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now()
    await run()
    durations.push(performance.now() - startedAt)
  }
  return durations
}
