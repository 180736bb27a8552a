import { get, task } from 'shoal'
import { BareThread } from '../bare-thread.ts'
import { type Figure, outstanding, type Setting, times } from '../figure.ts'
import { inTurns, microseconds, perSecond } from '../probe.ts'

const noOp = (x: number) => x

export const tasks: Figure = {
  what: 'no-op tasks, 1,000 outstanding',
  async measure({ seconds, local }) {
    await using thread = new BareThread()
    const remote = task(noOp, local)
    const { value, bare } = await inTurns(seconds, {
      value: perSecond(outstanding, () => get(times(outstanding, i => remote.remote(i)))),
      bare: perSecond(outstanding, () => thread.echo(outstanding)),
    })
    return { what: this.what, value, unit: '/s', yardstick: { what: 'postMessage to a thread and back', value: bare } }
  },
}

export const oneTask: Figure = {
  what: 'one task at a time, p50',
  async measure({ seconds, local }) {
    await using thread = new BareThread()
    const remote = task(noOp, local)
    const { value, bare } = await inTurns(seconds, {
      value: microseconds(() => get(remote.remote(1))),
      bare: microseconds(() => thread.echo(1)),
    })
    return { what: this.what, value, unit: 'µs', yardstick: { what: 'postMessage to a thread and back', value: bare } }
  },
}

const parents = 10
const children = 100

export const nested: Figure = {
  what: '10 tasks of 100 tasks each, tasks in all',
  async measure({ seconds, local }) {
    const child = task(noOp, local)
    const parent = task(async (count: number) => {
      const values = await get(Array.from({ length: count }, (_, i) => child.remote(i)))
      return values.length
    }, local)
    const { value, flat } = await inTurns(seconds, {
      value: perSecond(parents * (children + 1), () => get(times(parents, () => parent.remote(children)))),
      flat: perSecond(parents * children, () => get(times(parents * children, i => child.remote(i)))),
    })
    return { what: this.what, value, unit: '/s', yardstick: { what: "the program's own tasks", value: flat } }
  },
}

export const remoteTask: Figure = {
  what: 'one task at a time at another peer, p50',
  async measure({ seconds, local, there }: Setting) {
    const far = task(noOp, { placement: { peer: there!.peerId } })
    const near = task(noOp, local)
    const { value, here } = await inTurns(seconds, {
      value: microseconds(() => get(far.remote(1))),
      here: microseconds(() => get(near.remote(1))),
    })
    return { what: this.what, value, unit: 'µs', yardstick: { what: 'the same at this peer', value: here } }
  },
}
