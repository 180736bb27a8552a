import { fileURLToPath } from 'node:url'
import type { Reading } from '../figure.ts'
import { many } from '../no-op.ts'
import { sibling } from '../sibling.ts'
import { callsPerSecond, interleave, microsecondsEach } from '../statistics.ts'

/** As much of Piscina as is used here; no dependency of this project. */
interface Piscina {
  run(argument: unknown): Promise<unknown>
  destroy(): Promise<void>
}

/** No-op tasks on Piscina, where somebody has installed it (`npm install --no-save piscina`); else nothing. */
export async function measure(): Promise<Reading[]> {
  const name: string = 'piscina'
  const module: { Piscina: new (options: object) => Piscina } | undefined = await import(name).catch(error => {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  })
  if (!module) return []
  const filename = fileURLToPath(sibling('./piscina-thread', import.meta.url))
  const pool = new module.Piscina({ filename, minThreads: 2, maxThreads: 2 })
  const run = many(index => pool.run(index))
  await callsPerSecond(10_000, 1000, run)
  const { perSecond, each } = await interleave(5, {
    perSecond: () => callsPerSecond(30_000, 1000, run),
    each: () => microsecondsEach(1000, () => pool.run(1)),
  })
  await pool.destroy()
  return [
    { what: '1,000 outstanding', value: perSecond, unit: '/s' },
    { what: 'one at a time, p50', value: each, unit: 'µs' },
  ]
}
