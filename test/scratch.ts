import { actor, context, exitActor, get, init, kill, task } from 'shoal'

class Counter {
  n = 0
  constructor(n = 0) {
    this.n = n
  }
  inc(by = 1) {
    return (this.n += by)
  }
  value() {
    return this.n
  }
  async slow(ms: number) {
    await new Promise(r => setTimeout(r, ms))
    return this.n
  }
  who() {
    return context().actorId
  }
  *items(k: number) {
    for (let i = 0; i < k; i++) yield i
  }
  quit() {
    exitActor()
  }
  boom() {
    throw new RangeError('boom')
  }
}
await using _mesh = await init({ address: 'local', cpus: 2 })
const C = actor(Counter)
const a = C.remote(5)
console.log(await get([a.inc.remote(), a.inc.remote(2)]))
console.log(await get(a.who.remote()), a)
const out = []
for await (const r of a.items.remote(3)) out.push(await r.get())
console.log(out)
console.log(await get(task(async (h: typeof a) => get(h.inc.remote())).remote(a)))
await a.boom
  .remote()
  .get()
  .catch(e => console.log(e.code, e.cause))
await kill(a)
await a.inc
  .remote()
  .get()
  .catch(e => console.log(e.code, e.message))
const b = C.remote()
await b.quit
  .remote()
  .get()
  .catch(e => console.log(e.code, e.message))
await b.inc
  .remote()
  .get()
  .catch(e => console.log(e.code, e.message))
class Bad {
  constructor() {
    throw new Error('no')
  }
  m() {}
}
await actor(Bad)
  .remote()
  .m.remote()
  .get()
  .catch(e => console.log(e.code, e.message, e.cause))
console.log(await get([1, 2].map(i => C.remote(i).inc.remote())))
console.log('done')
