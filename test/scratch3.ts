import { actor, checkpoint, get, init, kill } from 'shoal'

class Saved {
  n = 0
  inc() {
    return ++this.n
  }
  [checkpoint.save]() {
    return this.n
  }
  [checkpoint.restore](n: number) {
    this.n = n
  }
}
await using _mesh = await init({ address: 'local', cpus: 2, namespace: 'x' })
const d = actor(Saved, { name: 'd', lifetime: 'detached', restarts: -1, checkpoint: { everyCalls: 1 } }).remote()
for (let i = 0; i < 5; i++) console.log(await get(d.inc.remote()))
await new Promise(r => setTimeout(r, 500))
await kill(d, { restart: true })
for (;;) {
  try {
    console.log('after', await get(d.inc.remote()))
    break
  } catch (e: any) {
    console.log(e.message)
    await new Promise(r => setTimeout(r, 200))
  }
}
console.log('done')
