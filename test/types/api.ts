/** What users' programs may rely on at compile time: `tsc -p .` is the test. Nothing here runs. */
import {
  type ActorHandle,
  type ActorOptions,
  actor,
  asCompleted,
  cancel,
  get,
  getActor,
  type HandleOf,
  kill,
  type Mesh,
  type ObjectRef,
  type ObjectStream,
  type PlacementGroup,
  placementGroup,
  put,
  type RemoteArgs,
  type RemoteClass,
  type RemoteFunction,
  release,
  ShoalError,
  TaskError,
  type TaskOptions,
  type TaskRow,
  task,
  type Values,
  wait,
} from '../../sdk/index.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T
/** Fails to compile unless the value has exactly this type. */
declare function is<T>(): <V>(value: V, ...same: Equal<V, T> extends true ? [] : ['another type', V]) => void

declare const mesh: Mesh
declare const numbers: ObjectRef<number>
declare const texts: ObjectRef<string>
declare const either: ObjectRef<string> | ObjectRef<number>

export type Cases = [
  Expect<Equal<Values<[ObjectRef<number>, ObjectRef<string>]>, [number, string]>>,
  Expect<Equal<Values<readonly ObjectRef<number>[]>, number[]>>,
  Expect<
    Equal<
      RemoteArgs<(a: number, b?: string, ...rest: boolean[]) => void>,
      [
        a: number | ObjectRef<number>,
        b?: string | ObjectRef<string | undefined> | undefined,
        ...rest: (boolean | ObjectRef<boolean>)[],
      ]
    >
  >,
]

export async function values() {
  is<number>()(await get(numbers))
  is<[number, string]>()(await get([numbers, texts]))
  is<[]>()(await get([]))
  is<string[]>()(await get([1, 2].map(() => texts)))
  is<string | number>()(await get(either))
  is<number>()(await numbers.get({ timeoutMs: 5, copy: false }))
  is<ObjectRef<number>>()(await put(5))
  is<ObjectRef<{ a: string }>>()(await put({ a: 'x' }))
  const { ready, pending } = await wait([numbers, numbers], { count: 2 })
  is<ObjectRef<number>[]>()(ready)
  is<ObjectRef<number>[]>()(pending)
  for await (const ref of asCompleted([numbers])) is<ObjectRef<number>>()(ref)
  // @ts-expect-error: a number is no ref
  await get(5)
  // @ts-expect-error: a promise of a ref is no ref
  await get(put(5))
  await put(5, { tier: 'replicated' })
  // @ts-expect-error: there is no such tier
  await put(5, { tier: 'disk' })
  // @ts-expect-error: a ref is not a promise
  numbers.then(() => {})
  // @ts-expect-error: a ref of a number is none of a text
  const wrong: ObjectRef<string> = numbers
  const wider: ObjectRef<number | string> = numbers
  return [wrong, wider]
}

export async function tasks() {
  const add = task((a: number, b: number = 1, ..._rest: string[]) => a + b)
  is<ObjectRef<number>>()(add.remote(1))
  is<ObjectRef<number>>()(add.remote(numbers, numbers, 'x', texts))
  is<number>()(add(1, 2))
  // @ts-expect-error: an argument is missing
  add.remote()
  // @ts-expect-error: a text for a number
  add.remote('1')
  // @ts-expect-error: a ref of a text for a number
  add.remote(texts)

  const fetched = task(async (url: string) => ({ url, bytes: new Uint8Array(1) }))
  is<ObjectRef<{ url: string; bytes: Uint8Array<ArrayBuffer> }>>()(fetched.remote('x'))
  is<{ url: string; bytes: Uint8Array<ArrayBuffer> }>()(await fetched.remote(texts).get())
  is<Promise<{ url: string; bytes: Uint8Array<ArrayBuffer> }>>()(fetched('x'))

  const union = task((x: string | number) => x)
  union.remote(either)
  union.remote(numbers)
  const nested = task((list: ObjectRef<number>[]) => list.length)
  nested.remote([numbers])
  is<ObjectRef<void>>()(task(() => {}).remote())

  const identity = <T>(value: T): T => value
  is<ObjectRef<string>>()(task(identity<string>).remote('x'))
  is<ObjectRef<number>>()(task(identity as (value: number) => number).remote(numbers))

  const again: RemoteFunction<(a: number) => number> = task((a: number) => a).options({ retries: 0 })
  is<ObjectRef<number>>()(again.options({ cpus: 0.5 }).remote(1))
}

export async function severalValues() {
  const pair = task((n: number) => [n, String(n)] as const, { returns: 2 })
  const [n, text] = pair.remote(1)
  is<ObjectRef<number>>()(n)
  is<ObjectRef<string>>()(text)
  const halves = task((list: number[]) => [list, list], { returns: 2 })
  is<[ObjectRef<number[]>, ObjectRef<number[]>]>()(halves.remote([1]))
  is<[ObjectRef<number>, ObjectRef<number>, ObjectRef<number>]>()(
    task(async (): Promise<number[]> => [1, 2, 3])
      .options({ returns: 3 })
      .remote(),
  )
  is<ObjectRef<number[][]>>()(halves.options({ returns: 1 }).remote([1]))
  is<[ObjectRef<number[]>, ObjectRef<number[]>]>()(halves.options({ cpus: 0.5 }).remote([1]))
  is<ObjectRef<number>[]>()(task((): number[] => [], { returns: 1000 }).remote())
  is<number[]>()(await get(task((): number[] => [], { returns: 1000 }).remote()))
}

export async function streams() {
  const numbersOf = task(function* (n: number) {
    for (let i = 0; i < n; i++) yield i
  })
  is<ObjectStream<number>>()(numbersOf.remote(1))
  const textsOf = task(
    async function* (from: ObjectStream<number>) {
      for await (const ref of from) yield String(await get(ref))
    },
    { backpressure: 5 },
  )
  for await (const ref of textsOf.remote(numbersOf.remote(numbers))) is<ObjectRef<string>>()(ref)
  const stream = textsOf.options({ backpressure: 1 }).remote(numbersOf.remote(1))
  is<ObjectStream<string>>()(stream)
  is<(ObjectStream<string> | ObjectRef<number>)[]>()((await wait([stream, numbers])).ready)
  await cancel(stream)
  release(stream, numbers)
  // @ts-expect-error: a stream of numbers for one of texts
  task((from: ObjectStream<string>) => from.id).remote(numbersOf.remote(1))
  // @ts-expect-error: a stream has many values
  await get(stream)
}

export async function maps() {
  const square = task((x: number) => x * x)
  for await (const value of square.map([1, numbers])) is<number>()(value)
  for await (const value of square.map(new Set([1]), { ordered: false, concurrency: 3 })) is<number>()(value)
  for await (const ref of square.map([1], { refs: true })) is<ObjectRef<number>>()(ref)
  for await (const value of square.map(square.map([1], { refs: true }))) is<number>()(value)
  is<number[]>()(await Array.fromAsync(square.map([1, 2])))
  // @ts-expect-error: texts for numbers
  square.map(['1'])
  // @ts-expect-error: an unknown option
  square.map([1], { parallel: 3 })
}

export function options() {
  const all: TaskOptions = {
    cpus: 0.5,
    gpus: 0,
    memoryBytes: 1e9,
    resources: { tpu: 1 },
    retries: -1,
    retryErrors: [RangeError, TaskError],
    timeoutMs: 1000,
    returns: 1,
    placement: { labels: { zone: { in: ['a', 'b'] }, spot: { exists: false }, disk: 'ssd' }, soft: true },
    isolation: 'thread',
    priority: -1,
    name: 'n',
    copy: false,
    external: ['sharp'],
    infeasibleTimeoutMs: 5,
  }
  const group: PlacementGroup = placementGroup([{ cpus: 1, slot: 2 }], {
    strategy: 'strict-spread',
    lifetime: 'detached',
  })
  task(() => 1, { placement: { group } }).options({ placement: { group, bundle: 0 } })
  // @ts-expect-error: a bundle of nothing
  task(() => 1, { placement: { bundle: 0 } })
  // @ts-expect-error: no such strategy
  placementGroup([{ cpus: 1 }], { strategy: 'loose' })
  // @ts-expect-error: an unknown option
  task(() => 1, { retrys: 3 })
  // @ts-expect-error: a text for a number
  task(() => 1, { cpus: '2' })
  task(() => 1, { isolation: 'process', env: { COLOUR: 'blue' } })
  // @ts-expect-error: no such isolation
  task(() => 1, { isolation: 'fiber' })
  // @ts-expect-error: no function
  task(5)
  return all
}

class Account {
  private secret = 1
  balance = 0
  readonly owner: string
  constructor(owner: string) {
    this.owner = owner
  }
  add(by: number, note = ''): number {
    return this.balance + by + note.length + this.hidden()
  }
  async names(): Promise<string[]> {
    return [this.owner]
  }
  *steps(n: number) {
    yield n
  }
  pair(): [number, string] {
    return [1, 'x']
  }
  id(): string {
    return this.owner
  }
  _inner(): void {}
  private hidden(): number {
    return this.secret
  }
}

export async function actors(anything: ActorHandle<unknown>) {
  const Remote = actor(Account, { restarts: 1 })
  is<RemoteClass<typeof Account>>()(Remote)
  const account = Remote.remote(texts)
  is<ActorHandle<Account>>()(account)
  is<ObjectRef<number>>()(account.add.remote(numbers, 'x'))
  is<ObjectRef<string[]>>()(account.names.remote())
  is<ObjectStream<number>>()(account.steps.remote(1))
  is<[ObjectRef<number>, ObjectRef<string>]>()(account.pair.options({ returns: 2 }).remote())
  is<ActorHandle<Account>>()(await getActor<Account>('a'))
  // @ts-expect-error: the constructor needs a text
  Remote.remote(1)
  // @ts-expect-error: a text for a number
  account.add.remote('1')
  // @ts-expect-error: private
  account.hidden
  // @ts-expect-error: an underscore
  account._inner
  // @ts-expect-error: a field
  account.balance
  // @ts-expect-error: an unknown option
  account.add.options({ retrys: 1 })

  const Counter = actor(
    class {
      n = 0
      add(by: number): number {
        this.n += by
        return this.n
      }
    },
    { groups: { g: 1 }, methodGroups: { add: 'g' } },
  )
  const counter: HandleOf<typeof Counter> = Counter.options({ maxConcurrency: 2 }).remote()
  is<ObjectRef<number>>()(counter.add.remote(1))
  const apart: ActorOptions = { groups: { g: 1 }, methodGroups: { add: 'g' } }
  actor(Account, apart).options(apart)

  class Box<T> {
    readonly value: T
    constructor(value: T) {
      this.value = value
    }
    read(): T {
      return this.value
    }
  }
  is<ObjectRef<number>>()(
    actor(Box<number>)
      .remote(1)
      .read.remote(),
  )
  const take = task((handle: ActorHandle<Account>) => handle.add.remote(1))
  take.remote(account)

  await kill(account, { restart: true })
  await kill(counter)
  await kill(anything)
  release(account, counter, numbers)
  // @ts-expect-error: no handle
  await kill(5)
  // @ts-expect-error: a name
  await kill('name')
  // @ts-expect-error: a ref
  await kill(numbers)
  // @ts-expect-error: neither
  release(5)
}

export async function endsAny<T>(handle: ActorHandle<T>) {
  release(handle)
  await kill(handle)
}

export async function state(caught: unknown) {
  for await (const row of mesh.state.tasks({ state: 'running', name: 'n' })) is<TaskRow>()(row)
  // @ts-expect-error: no such field
  mesh.state.tasks({ nome: 'n' })
  is<number>()((await mesh.resources()).cpus)
  is<Uint8Array>()(await mesh.timeline())
  if (caught instanceof TaskError) {
    is<string>()(caught.taskId)
    is<'SHOAL_TASK_FAILED'>()(caught.code)
    const cause: unknown = caught.cause
    return cause
  }
  if (caught instanceof ShoalError) is<string>()(caught.code)
  return undefined
}

export function makesAny<C extends new (...args: never[]) => object>(Class: C, options: ActorOptions) {
  return actor(Class, options).options(options)
}
