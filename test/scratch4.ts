import { actor, get, init } from 'shoal'
class Beat {
  n = 0
  constructor() { setInterval(() => { this.n++; console.log('beat', this.n) }, 200) }
  inc() { return this.n }
}
await using _mesh = await init({ address: 'local', cpus: 2, namespace: 'x' })
const d = actor(Beat, { name: 'd', lifetime: 'detached', cpus: 1 }).remote()
console.log(await get(d.inc.remote()))
const t = setInterval(() => console.log('main', Math.round(performance.now())), 300)
await new Promise(r => setTimeout(r, 3500))
console.log(await get(d.inc.remote()))
clearInterval(t)
