// Runs every program of examples/ twice: on an embedded peer, and against one of three agents of a mesh. Those with actors, and
// evolution-strategies, run a third time on a mesh of their own, of which another agent than theirs is killed on the way. Each
// checks its own result. The demo (word-count) has a script of its own.   node .ci/examples.mjs [name …]
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { init } from 'shoal'
import { startOwnMesh } from '../examples/word-count/own-mesh.ts'

const peers = 3
const oneMs = 60_000
const allMs = 220_000
const survivors = ['evolution-strategies', 'parameter-server', 'policy-server', 'pong-simulator']

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const wanted = process.argv.slice(2)
const names = readdirSync(folder)
  .filter(file => file.endsWith('.ts') && file !== 'word-count.ts')
  .map(file => file.slice(0, -'.ts'.length))
  .filter(name => wanted.length === 0 || wanted.includes(name))
  .sort()
const startedAt = performance.now()
const killing = survivors.filter(name => names.includes(name))
const total = 2 * names.length + killing.length
let done = 0
let failed = 0

await runAll('embedded', 'local')
{
  using mesh = startOwnMesh(peers, availableParallelism())
  await runAll(`${peers} agents`, mesh.agents.at(-1).socket)
}
for (const name of killing) await runKilling(name)
console.log(`${done - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function runAll(where, address) {
  for (const name of names) {
    progress(where, name)
    report(where, name, await run(name, address))
  }
}

/** Once more on a fresh mesh, where a peer is killed after the first line of output. */
async function runKilling(name) {
  progress('killed', name)
  using own = startOwnMesh(peers, availableParallelism())
  const { socket, peerId } = own.agents.at(-1)
  await using watch = await init({ address: socket })
  let said = 'nothing was killed'
  const result = await run(name, socket, async ended => {
    // One that an actor works at; without such, the first of the mesh.
    const until = performance.now() + 5000
    let actors = []
    let aloneSince = performance.now()
    while (performance.now() < until && !ended.aborted) {
      const rows = (await Array.fromAsync(watch.state.actors())).filter(row => row.state === 'alive')
      actors = rows.filter(row => row.peerId !== peerId)
      // All at the program's own peer, and no more come: there is nothing to wait for.
      if (rows.length === 0 || actors.length > 0) aloneSince = performance.now()
      const none = performance.now() - aloneSince > 500
      if (name === 'evolution-strategies' || none || actors.some(row => row.pendingCalls > 0)) break
      await sleep(10)
    }
    if (ended.aborted) return
    const at = (actors.find(row => row.pendingCalls > 0) ?? actors[0])?.peerId ?? own.agents[0].peerId
    const there = actors.filter(row => row.peerId === at)
    own.kill(own.agents.find(agent => agent.peerId === at))
    const busy = there.filter(row => row.pendingCalls > 0).length
    said = `killed a peer with ${there.length} actors, ${busy} of them with calls`
  })
  if (result.ok && said.startsWith('nothing')) result.ok = false
  result.output += said
  report('killed', name, result)
}

function progress(where, name) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${done} of ${total} programs done; ${where}: ${name}`)
}

function report(where, name, { ok, ms, output }) {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
  done++
  if (!ok) failed++
  const last = output
    .trimEnd()
    .split('\n')
    .slice(where === 'killed' ? -2 : -1)
    .join('; ')
  console.log(
    `${ok ? 'ok    ' : 'not ok'} ${String(done).padStart(2)}/${total} ${where.padEnd(8)} ${name.padEnd(22)} ${String(ms).padStart(6)} ms   ${ok ? last : ''}`,
  )
  if (!ok) console.log(output.replace(/^(?=.)/gm, '       '))
}

/** Runs a program to its end, or to the end of its time. `begun` is called after its first output. */
async function run(name, address, begun) {
  const from = performance.now()
  const left = Math.max(1, Math.round(Math.min(oneMs, allMs - (from - startedAt))))
  const child = spawn(process.execPath, [`${folder}${name}.ts`], {
    env: { ...process.env, SHOAL_ADDRESS: address },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: left,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise(resolve => child.once('close', (code, signal) => resolve(signal ?? code)))
  const over = new AbortController()
  const meddling = begun && new Promise(resolve => child.stdout.once('data', () => resolve(begun(over.signal))))
  const [stdout, stderr, how] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  over.abort()
  if (stdout !== '') await meddling
  const why = how === 0 ? '' : `ended by ${how}; it had ${Math.round(left / 1000)} s\n`
  return { ok: how === 0, ms: Math.round(performance.now() - from), output: `${stdout}${stderr}${why}` }
}
