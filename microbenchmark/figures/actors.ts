import { actor, get, release } from 'shoal'
import { BareThread } from '../bare-thread.ts'
import { type Figure, outstanding, times } from '../figure.ts'
import { inTurns, microseconds, perSecond } from '../probe.ts'

class Echo {
  same(x: number): number {
    return x
  }
}

export const calls: Figure = {
  what: 'calls of one actor, 1,000 outstanding',
  async measure({ seconds, local }) {
    await using thread = new BareThread()
    using echo = actor(Echo, local).remote()
    const { value, bare } = await inTurns(seconds, {
      value: perSecond(outstanding, () => get(times(outstanding, i => echo.same.remote(i)))),
      bare: perSecond(outstanding, () => thread.echo(outstanding)),
    })
    return { what: this.what, value, unit: '/s', yardstick: { what: 'postMessage to a thread and back', value: bare } }
  },
}

export const oneCall: Figure = {
  what: 'one call at a time, p50',
  async measure({ seconds, local }) {
    await using thread = new BareThread()
    using echo = actor(Echo, local).remote()
    const { value, bare } = await inTurns(seconds, {
      value: microseconds(() => get(echo.same.remote(1))),
      bare: microseconds(() => thread.echo(1)),
    })
    return { what: this.what, value, unit: 'µs', yardstick: { what: 'postMessage to a thread and back', value: bare } }
  },
}

const together = 100

export const actors: Figure = {
  what: 'actors made and called once',
  async measure({ seconds, local }) {
    const Echoes = actor(Echo, local)
    const { value, threads } = await inTurns(seconds, {
      value: perSecond(together, async () => {
        const made = times(together, () => Echoes.remote())
        await get(made.map((echo, i) => echo.same.remote(i)))
        release(...made)
      }),
      threads: perSecond(1, async () => {
        await using thread = new BareThread()
        await thread.echo(1)
      }),
    })
    return { what: this.what, value, unit: '/s', yardstick: { what: 'threads of Node, the same', value: threads } }
  },
}
