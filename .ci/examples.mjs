// Runs every program of examples/ twice: on an embedded peer, and against one of three agents of a mesh. Each checks its own
// result. The demo (word-count) has a script of its own.   node .ci/examples.mjs [name …]
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { startOwnMesh } from '../examples/word-count/own-mesh.ts'

const peers = 3
const oneMs = 60_000
const allMs = 180_000

const folder = fileURLToPath(new URL('../examples/', import.meta.url))
const wanted = process.argv.slice(2)
const names = readdirSync(folder)
  .filter(file => file.endsWith('.ts') && file !== 'word-count.ts')
  .map(file => file.slice(0, -'.ts'.length))
  .filter(name => wanted.length === 0 || wanted.includes(name))
  .sort()
const startedAt = performance.now()
const total = 2 * names.length
let done = 0
let failed = 0

await runAll('embedded', 'local')
{
  using mesh = startOwnMesh(peers, availableParallelism())
  await runAll(`${peers} agents`, mesh.agents.at(-1).socket)
}
console.log(`${done - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function runAll(where, address) {
  for (const name of names) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${done} of ${total} programs done; ${where}: ${name}`)
    const { ok, ms, output } = await run(name, address)
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
    done++
    if (!ok) failed++
    const last = output.trimEnd().split('\n').at(-1)
    console.log(
      `${ok ? 'ok    ' : 'not ok'} ${String(done).padStart(2)}/${total} ${where.padEnd(8)} ${name.padEnd(22)} ${String(ms).padStart(6)} ms   ${ok ? last : ''}`,
    )
    if (!ok) console.log(output.replace(/^(?=.)/gm, '       '))
  }
}

/** Runs a program to its end, or to the end of its time. */
async function run(name, address) {
  const from = performance.now()
  const left = Math.max(1, Math.round(Math.min(oneMs, allMs - (from - startedAt))))
  const child = spawn(process.execPath, [`${folder}${name}.ts`], {
    env: { ...process.env, SHOAL_ADDRESS: address },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: left,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise(resolve => child.once('close', (code, signal) => resolve(signal ?? code)))
  const [stdout, stderr, how] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const why = how === 0 ? '' : `ended by ${how}; it had ${Math.round(left / 1000)} s\n`
  return { ok: how === 0, ms: Math.round(performance.now() - from), output: `${stdout}${stderr}${why}` }
}
