import { actor, context, exitActor, get, init, task } from 'shoal'
import { setTimeout as delay } from 'node:timers/promises'
function hold(ms: number): void { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms) }
class A { keep(ms: number): void { hold(ms) } }
class B { quit(): void { exitActor() } }
class C { who(): string | undefined { return context().actorId } }
class D { async later(ms: number): Promise<number> { await delay(ms); return 1 } }
class E { 
  n: number
  constructor(n = 0) {
    this.n = n
  }
  add(by = 1): number {
    this.n += by
    return this.n
  }
  *upTo(n: number): Generator<number> {
    for (let i = 0; i < n; i++) yield i
  }
}
class F { boom(): never {
    throw new RangeError('too far')
  }
  m(): string { return '' }
}
await using _mesh = await init({ address: 'local', cpus: 2 })
for (const [n, t] of Object.entries({ A: task(() => { actor(A).remote() ; return 1}), B: task(() => { actor(B).remote() ; return 1}), C: task(() => { actor(C).remote() ; return 1}), D: task(() => { actor(D).remote() ; return 1}), E: task(() => { actor(E).remote() ; return 1}), F: task(() => { actor(F).remote() ; return 1}) }))
  console.log(n, await get(t.remote()).catch((e: any) => e.cause?.stack ?? e.message))
