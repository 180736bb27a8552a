import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { actor, get, init, task } from 'shoal'
import t from 'tap'
import { ways } from '../sdk/meshes.ts'
import { readTrace, type TraceEvent } from '../wire/trace-format.ts'
import { AgentMesh } from './mesh-support.ts'

const slow = task(
  async (ms: number) => {
    await delay(ms)
    return new Uint8Array(300_000)
  },
  { name: 'slow' },
)
const size = task((bytes: Uint8Array) => bytes.length, { name: 'size' })

for (const { way, open } of ways) {
  t.test(`${way}: the timeline of a program shows each phase of its tasks`, { timeout: 60_000 }, async t => {
    await using opened = await open()
    const { mesh } = opened
    const before = Date.now()
    const made = slow.remote(200)
    t.equal(await get(size.remote(made)), 300_000)
    const { slices, threads } = readTrace(await mesh.timeline())
    const of = (name: string, cat: string) => {
      const found = slices.filter(slice => slice.args.name === name && slice.cat === cat)
      t.equal(found.length, 1, `${cat} of ${name}`)
      return found[0] as Required<TraceEvent>
    }
    const run = of('slow', 'run')
    t.ok(run.dur >= 195_000 && run.dur < (Date.now() - before) * 1000, `${run.dur}`)
    t.match(run.args, { state: 'finished', attempt: 1, jobId: /job/ })
    t.match(threads.get(run.tid), /^worker t\d+$/)
    t.equal(of('slow', 'submit').args.taskId, run.args.taskId)
    const stored = of('slow', 'store')
    t.ok(stored.args.bytes >= 300_000 && stored.ts >= run.ts && stored.ts + stored.dur <= run.ts + run.dur + 1)
    const waited = of('size', 'wait')
    t.ok(waited.ts + waited.dur > run.ts + run.dur - 1000 && waited.dur >= 195_000, 'until its argument was there')
    t.ok(of('size', 'run').ts >= waited.ts + waited.dur - 1000)
    t.equal(slices.filter(({ cat }) => cat === 'fetch').length, 0)
    made.release()
  })

  t.test(`${way}: calls of actors are runs, too, those of one class in the lanes of their worker`, async t => {
    await using opened = await open()
    const Sleeper = actor(
      class Sleeper {
        async sleep(ms: number) {
          await new Promise(resolve => setTimeout(resolve, ms))
          return ms
        }
      },
    )
    using sleeper = Sleeper.remote()
    await get([sleeper.sleep.remote(100), sleeper.sleep.remote(100)])
    const { slices, threads } = readTrace(await opened.mesh.timeline())
    const runs = slices.filter(({ cat, args }) => cat === 'run' && /sleep/.test(args.name))
    t.equal(runs.length, 2)
    t.same(runs.map(({ tid }) => threads.get(tid)?.replace(/t\d+/, 't')).toSorted(), ['worker t', 'worker t, beside 1'])
    for (const { args, dur = 0 } of runs) t.ok(args.actorId && dur >= 95_000, JSON.stringify(args))
  })
}

t.test(
  'the timeline of a mesh: fetches at the peer that ran the task, one process a peer',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(2, '--cpus', '2')
    await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
    const [first, second] = mesh.agents
    const made = slow.options({ placement: { peer: first.peerId } }).remote(10)
    t.equal(await get(size.options({ placement: { peer: second.peerId } }).remote(made)), 300_000)
    const { slices, events } = readTrace(await attached.timeline())
    const processes = new Map(
      events.filter(({ name }) => name === 'process_name').map(({ pid, args }) => [pid, String(args.name)]),
    )
    t.equal(processes.size, 2)
    const [fetched] = slices.filter(({ cat }) => cat === 'fetch')
    t.match(processes.get(fetched.pid), second.peerId.slice(-8))
    t.ok(fetched.args.bytes >= 300_000 && fetched.args.name === 'size')
    const [ran] = slices.filter(({ cat, args }) => cat === 'run' && args.name === 'size')
    t.equal(ran.pid, fetched.pid)
    t.ok(ran.ts >= fetched.ts + (fetched.dur ?? 0) - 1000)
    const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    for (const agent of mesh.agents) {
      const file = join(folder, 'trace.json')
      const { code, out, err } = await mesh.cli(agent, 'timeline', '-o', file, '--json')
      t.equal(code, 0, err)
      t.match(JSON.parse(out), { file, peers: 2, tasks: 2, bytes: Number })
      t.equal(readTrace(readFileSync(file)).slices.filter(({ cat }) => cat === 'run').length, 2)
    }
    made.release()
    const nowhere = await mesh.cli(first, 'timeline', '-o', join(folder, 'no', 'such.json'))
    t.equal(nowhere.code, 1)
    t.match(nowhere.err, /such\.json cannot be written/)
    const missing = await mesh.cli(first, 'timeline')
    t.equal(missing.code, 2)
    t.match(missing.err, /-o FILE/)
  },
)
