// What a user's first program looks like; .ci/packed runs it against the installed package and checks its types.
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { get, init, type ObjectRef, put, task, wait } from 'shoal'

const factor = 3
const scale = task((x: number) => x * factor)
const label = task((path: string, xs: number[]) => `${basename(path)}:${xs.join()}`)

await using mesh = await init()
assert.match(mesh.peerId, /./)

const refs: ObjectRef<number>[] = [1, 2, 3].map(x => scale.remote(x))
const values: number[] = await get(refs)
assert.deepEqual(values, [3, 6, 9])

const [first, text] = await get([scale.remote(4), label.remote('/a/b.txt', values)] as const)
const typed: [number, string] = [first, text]
assert.deepEqual(typed, [12, 'b.txt:3,6,9'])
assert.equal(scale(2), 6)

const bytes = await put(new Uint8Array(1 << 20).fill(7))
const { ready } = await wait([bytes])
assert.equal(ready.length, 1)
assert.equal((await get(bytes, { copy: false }))[1 << 19], 7)

// @ts-expect-error an argument of another type is a mistake that the compiler finds
export const mistaken = () => scale.remote('4')
