import { actor, get, getActor, init, kill } from 'shoal'

class Counter {
  n = 0
  inc(by = 1) {
    return (this.n += by)
  }
}
await using mesh = await init({ address: 'local', cpus: 2, namespace: 'x' })
const C = actor(Counter)
const a = C.options({ name: 'a' }).remote()
console.log(await get(a.inc.remote()))
const same = await getActor<Counter>('a')
console.log(await get(same.inc.remote()))
const again = C.options({ name: 'a', getIfExists: true }).remote()
console.log(await get(again.inc.remote()))
await C.options({ name: 'a' })
  .remote()
  .inc.remote()
  .get()
  .catch((e: any) => console.log(e.code, e.message))
await getActor('nobody').catch((e: any) => console.log(e.code, e.message))
const d = C.options({ name: 'd', lifetime: 'detached' }).remote()
console.log('detached', await get(d.inc.remote()))
const d2 = await getActor<Counter>('d')
console.log('detached', await get(d2.inc.remote()))
for await (const r of mesh.state.actors()) console.log(r)
await kill(d)
await d2.inc
  .remote()
  .get()
  .catch((e: any) => console.log(e.code, e.message))
await kill(a)
await getActor('d').catch((e: any) => console.log(e.code, e.message))
await getActor('a').catch((e: any) => console.log(e.code, e.message))
