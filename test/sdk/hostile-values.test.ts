import { actor, get, init, task } from 'shoal'
import t from 'tap'

const options = { cpus: 2, objectStoreBytes: 1 << 27, logToDriver: false }

/** What gives or throws things that throw themselves when they are looked at. */
class Hostile {
  ping(): number {
    return 1
  }
  give(kind: string): unknown {
    if (kind === 'then throws')
      // biome-ignore lint/suspicious/noThenProperty: that is the point
      return { then: () => { throw new RangeError('not connected') } } // biome-ignore format: one line
    if (kind === 'getter of then')
      return {
        // biome-ignore lint/suspicious/noThenProperty: that is the point
        get then() {
          throw new RangeError('not connected')
        },
      }
    if (kind === 'strict proxy')
      return new Proxy({} as Record<string, unknown>, {
        get(_, key) {
          throw new RangeError(`no ${String(key)}`)
        },
      })
    if (kind === 'getter')
      return {
        get field() {
          throw new RangeError('no field')
        },
      }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  fail(kind: string): never {
    const error = new Error('bad')
    const thrower = {
      get() {
        throw new RangeError('inside')
      },
    }
    if (kind === 'proxy')
      throw new Proxy(error, { ...thrower, getPrototypeOf: () => { throw new RangeError('inside') } }) // biome-ignore format: one line
    if (kind === 'symbols') throw Object.assign(error, { name: Symbol('name'), message: Symbol('message') })
    if (kind === 'null prototype') throw Object.create(null)
    throw Object.defineProperty(error, kind, thrower)
  }
  // An async method: the class is not plain then.
  async later(kind: string, fails: boolean): Promise<unknown> {
    return fails ? this.fail(kind) : this.give(kind)
  }
}
class Sync {
  ping(): number {
    return 1
  }
  give = Hostile.prototype.give
  run(kind: string, fails: boolean): unknown {
    return fails ? Hostile.prototype.fail(kind) : Hostile.prototype.give(kind)
  }
}

const given = ['then throws', 'getter of then', 'strict proxy', 'getter', 'revoked']
const thrown = ['message', 'name', 'stack', 'cause', 'code', 'proxy', 'symbols', 'null prototype']

t.test('what throws when it is looked at fails its task, and nothing else', { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  const run = task((kind: string, fails: boolean) =>
    fails ? Hostile.prototype.fail(kind) : Hostile.prototype.give(kind),
  )
  const [a, b] = [actor(Hostile).remote(), actor(Sync).remote()]
  for (const kind of [...given, ...thrown]) {
    const fails = thrown.includes(kind)
    const calls = [
      fails ? a.fail.remote(kind) : a.give.remote(kind),
      a.later.remote(kind, fails),
      b.run.remote(kind, fails),
      run.remote(kind, fails),
    ]
    for (const [n, call] of calls.entries()) {
      const error = await get(call as never, { timeoutMs: 5000 }).then(
        value => ({ code: `gave ${JSON.stringify(value)}` }),
        error => error as { code: string },
      )
      t.ok(['SHOAL_TASK_FAILED', 'SHOAL_SERIALIZATION'].includes(error.code), `${kind}, ${n}: ${error.code}`)
    }
    t.same(await get([a.ping.remote(), b.ping.remote()], { timeoutMs: 5000 }), [1, 1])
  }
  t.same(
    await get(
      Array.from({ length: 8 }, () => task(() => 1).remote()),
      { timeoutMs: 5000 },
    ),
    Array(8).fill(1),
  )
})

t.test('of constructors too: their actors have died, whatever was thrown', { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  class Broken {
    constructor(kind: string) {
      if (kind === 'field') throw Object.assign(new Error('ctor'), { sock: () => 1 })
      if (kind === 'long') throw new Error('x'.repeat(5_000_000))
      Hostile.prototype.fail(kind)
    }
    ping(): number {
      return 1
    }
  }
  for (const kind of ['field', 'long', ...thrown]) {
    const error = await get(actor(Broken).remote(kind).ping.remote(), { timeoutMs: 5000 }).catch(error => error)
    t.equal(error.code, 'SHOAL_ACTOR_DIED', `${kind}: ${String(error.message).slice(0, 200)}`)
    t.ok(error.cause)
  }
  class Late {
    constructor() {
      // biome-ignore lint/correctness/noConstructorReturn: that is the point
      return (async () => this)() as unknown as Late
    }
    ping(): number {
      return 1
    }
  }
  await t.rejects(get(actor(Late).remote().ping.remote(), { timeoutMs: 5000 }), {
    code: 'SHOAL_ACTOR_DIED',
    message: /gave a promise/,
  })
})
