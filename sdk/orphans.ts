import { at, type Engine, type RefData } from './client/index.ts'
import { Ref } from './ref.ts'
import { setOrphans } from './remote-function.ts'

const nobody = { peerId: 'none', incarnation: 0 }
let next = 1

/** What a ref without a mesh needs of an engine: it is settled, and reading it throws. */
const engine = {
  settled: () => true,
  read: (ref: RefData): never => {
    throw ref.value
  },
  release: () => undefined,
  preparing: () => undefined,
} as unknown as Engine

setOrphans(error => {
  const ref = new Ref<unknown>(engine, nobody, 0, next++, -1)
  ref.state = at.broken
  ref.value = error
  return ref
})
