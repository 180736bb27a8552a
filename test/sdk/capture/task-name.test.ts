// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import t from 'tap'
import { nameOf } from '../../../sdk/capture/index.ts'

/** Stands for `task`: takes the stack where it is called. */
const name = (fn: Function) => nameOf(fn, new Error().stack!.split('\n').toSpliced(1, 1).join('\n'))
const api = { name }

t.test("the function's name, else the variable, else the place", t => {
  const shrinkImages = name((x: number) => x)
  const typed: string = api.name((x: number) => x)
  const multiline = name(() => 1)
  const holder = { inHolder: name(() => 1), later: '' }
  holder.later = name(() => 1)
  class Jobs {
    inClass = name(() => 1)
  }
  t.equal(
    name(function own() {}),
    'own',
  )
  t.same(
    [shrinkImages, typed, multiline, holder.inHolder, holder.later, new Jobs().inClass],
    ['shrinkImages', 'typed', 'multiline', 'inHolder', 'later', 'inClass'],
  )
  t.match([() => 1].map(fn => name(fn))[0], /^task-name\.test\.ts:\d+$/)
  t.equal(
    nameOf(() => 1, undefined),
    'anonymous',
  )
  t.end()
})
