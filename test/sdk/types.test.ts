import { get, init, put, registerType, task } from 'shoal'
import t from 'tap'
import { ways } from './meshes.ts'

class Vector {
  readonly x: number
  constructor(x: number) {
    this.x = x
  }
  double(): Vector {
    return new Vector(this.x * 2)
  }
}
class Coded extends Error {
  readonly status: number
  constructor(status: number) {
    super(`status ${status}`)
    this.name = 'Coded'
    this.status = status
  }
}
const registerAll = (): void => {
  registerType(Vector, { name: 'test/Vector', encode: ({ x }) => x, decode: (x: number) => new Vector(x) })
  registerType(Coded, { name: 'test/Coded', encode: ({ status }) => [status], decode: ([n]: number[]) => new Coded(n) })
}
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

for (const { way, open } of ways) {
  t.test(`${way}: instances of registered types, in and out of tasks, put, got and thrown there`, async t => {
    await using _ = await open()
    // Called before anything is registered: what is registered later travels all the same.
    const look = task((v: unknown) => (v instanceof Vector ? v.double() : 'no Vector'))
    t.equal(await get(look.remote(1)), 'no Vector')
    registerAll()
    const doubled = await get(look.remote(new Vector(-8)))
    t.ok(doubled instanceof Vector && doubled.x === -16)
    const nested = task(async (v: Vector) => {
      const made = await get(look.remote(v))
      const kept = await get(await put({ v: new Vector(5) }))
      return [made instanceof Vector, kept.v instanceof Vector, (made as Vector).double()] as const
    })
    const [made, kept, again] = await get(nested.remote(new Vector(3)))
    t.same([made, kept, again instanceof Vector && again.x], [true, true, 12])
    const throws = task(() => {
      throw new Coded(418)
    })
    const passes = task(async () => {
      const caught = await get(throws.remote()).catch((error: { cause?: unknown }) => error.cause)
      if (!(caught instanceof Coded)) return typeof caught
      throw caught
    })
    const error = (await get(passes.remote()).catch((thrown: unknown) => thrown)) as { cause: unknown }
    t.ok(error.cause instanceof Coded && error.cause.status === 418)
  })

  t.test(`${way}: what of an error cannot travel stays behind, and only that`, async t => {
    await using _ = await open()
    const throws = task(() => {
      const inner = Object.assign(new RangeError('inner'), { socket: () => 1, port: 7 })
      throw Object.assign(new TypeError('outer', { cause: inner }), { status: 503, handler: () => 1 })
    })
    const { cause: error, message } = (await get(throws.remote()).catch((thrown: unknown) => thrown)) as {
      cause: TypeError & { status: number; handler: unknown; cause: RangeError & { port: number; socket: unknown } }
      message: string
    }
    t.ok(error instanceof TypeError)
    t.same([error.message, error.status, error.handler], ['outer', 503, undefined])
    t.ok(error.cause instanceof RangeError)
    t.same([error.cause.message, error.cause.port, error.cause.socket], ['inner', 7, undefined])
    t.match(message, /could not travel/)
  })

  t.test(`${way}: values of newer classes, exceptions of the DOM, buffers without a copy`, async t => {
    await using _ = await open()
    const echo = task((value: unknown) => value)
    const half = await get(echo.remote(new Float16Array([1.5, -2])))
    t.ok(half instanceof Float16Array && half[1] === -2)
    const exception = await get(await put(new DOMException('gone', 'AbortError')))
    t.ok(exception instanceof DOMException)
    t.same([exception.name, exception.code, exception.message], ['AbortError', 20, 'gone'])
    const kind = task((value: unknown) => (value as object).constructor.name, { copy: false })
    const [small, large] = [await put(new ArrayBuffer(5000)), await put(new ArrayBuffer(300_000))]
    t.same(await get([kind.remote(new ArrayBuffer(50)), kind.remote(small), kind.remote(large)]), [
      'Uint8Array',
      'Uint8Array',
      'Uint8Array',
    ])
  })

  t.test(`${way}: whatever a value throws while it is read is a SerializationError with the path`, async t => {
    await using _ = await open()
    const echo = task((value: unknown) => value)
    const coded = {
      get boom(): never {
        throw Object.assign(new RangeError('mine'), { code: 'MY_CODE' })
      },
    }
    class Bad {}
    registerType(Bad, {
      name: 'test/Bad',
      encode: () => {
        throw new RangeError('no')
      },
      decode: () => new Bad(),
    })
    for (const [value, path] of [
      [{ deep: [1, { coded }] }, 'args[0].deep[1].coded.boom'],
      [{ deep: [new Bad()] }, 'args[0].deep[0]'],
    ] as const) {
      const error = await get(echo.remote(value)).catch((thrown: unknown) => thrown)
      t.match(error, { code: 'SHOAL_SERIALIZATION', path })
    }
    t.match(await put({ a: new Bad() }).catch((thrown: unknown) => thrown), { code: 'SHOAL_SERIALIZATION', path: 'a' })
    const out = task(() => ({ out: [() => 1] }))
    const { message } = (await get(out.remote()).catch((thrown: unknown) => thrown)) as Error
    t.equal(message.match(/cannot travel/g)?.length, 1, message)
  })
}

t.test('a type that is not registered here is told, not its encoded form given', async t => {
  const mesh = await init({ address: 'local', cpus: 1, logToDriver: false })
  const makes = task(async () => {
    class Hidden {}
    const { registerType } = await import('shoal')
    registerType(Hidden, { name: 'test/Hidden', encode: () => [1, 2], decode: () => new Hidden() })
    return { is: new Hidden() }
  })
  const got = await get(makes.remote()).catch(codeOf)
  t.ok(got === 'SHOAL_SERIALIZATION' || !Array.isArray((got as { is?: unknown }).is), String(got))
  await mesh.close()
})
