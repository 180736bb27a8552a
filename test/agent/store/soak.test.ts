import t from 'tap'
import { soak } from './soak.ts'

t.test('a second of random sizes at 80 %: all comes back as one, and few find only scattered room', t => {
  const seen = soak({ seconds: 1, seed: 7 })
  t.ok(seen.whole)
  t.ok(seen.allocations > 10_000, `${seen.allocations} allocations`)
  t.ok(seen.scattered / seen.allocations < 0.1, `${seen.scattered} of ${seen.allocations}`)
  t.end()
})
