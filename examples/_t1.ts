import { init, task, get, put, wait } from 'shoal'
const t0 = performance.now()
const mesh = await init({ address: 'local', cpus: 2 })
console.log('init', performance.now() - t0)
const factor = 3
const scale = task((x: number) => x * factor)
const r = scale.remote(5)
console.log('submitted', performance.now() - t0)
console.log(await r.get(), performance.now() - t0)
console.log(await get([1, 2, 3].map(x => scale.remote(x))))
await mesh.close()
