import t from 'tap'
import { World } from './borrowing.ts'

const seed = Number(process.env.SHOAL_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log(`# seed ${seed} (SHOAL_SEED=${seed} repeats it)`)

t.test(
  'refs that are passed, returned, kept and released: nothing in use is freed, nothing is left behind',
  async t => {
    for (let run = 0; run < 60; run++) {
      const world = new World(3 + (run % 3), seed + run)
      for (let step = 0; step < 400; step++) {
        world.step()
        const wrong = world.wrong()
        if (wrong.length > 0) {
          t.same(wrong, [], `seed ${seed}, run ${run}, step ${step}`)
          return
        }
      }
      const left = await world.end()
      if (left.length > 0) {
        t.same(left, [], `seed ${seed}, run ${run}`)
        return
      }
    }
    t.pass('100 worlds of 400 steps')
  },
)

t.test('the same while agents crash', async t => {
  for (let run = 0; run < 60; run++) {
    const world = new World(4, seed + 1000 + run)
    for (let step = 0; step < 400; step++) {
      world.step()
      if (step === 150 || step === 280) world.crash(world.agents.findIndex(agent => agent.alive && agent.index > 0))
    }
    const left = await world.end()
    if (left.length > 0) {
      t.same(left, [], `seed ${seed}, run ${run}`)
      return
    }
  }
  t.pass('60 worlds of 400 steps and two crashes')
})
