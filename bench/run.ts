// Measures Shoal beside the limits of the machine: npm run bench -- --help
import { fork, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Figure, Reading } from './figure.ts'
import { figures } from './figures.ts'
import { origin } from './machine.ts'
import { footer, type Outcome, toJson, toText } from './report.ts'

const figureTimeoutMs = 120_000
const root = fileURLToPath(new URL('..', import.meta.url))
const help = `Measures Shoal beside the limits of this machine, each figure in a fresh process.

  npm run bench -- [--only REGEX] [--json]

  --only REGEX   figures whose name fits: ${figures.map(({ id }) => id).join(', ')}
  --json         one JSON object
`

/** Compiles what is measured and what measures: users run the former compiled, and Node is slower once it strips types. */
function build(): void {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  rmSync(join(root, '.bench'), { recursive: true, force: true })
  for (const command of [['deploy/build.mjs'], [compiler, '-p', 'bench/tsconfig.json']]) {
    const { status, stdout } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${command.join(' ')} failed\n${stdout}`)
  }
}

function measure(figure: Figure): Promise<Outcome> {
  const { id, title } = figure
  const scratch = mkdtempSync(join(tmpdir(), 'shoal-bench-'))
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    SHOAL_ADDRESS: '',
    SHOAL_HOME: join(scratch, 'home'),
    TMPDIR: scratch,
  }
  const child = fork(join(root, figure.asSource ? 'bench/measure.ts' : '.bench/measure.js'), [id], {
    env,
    execArgv: [...(figure.nodeOptions ?? [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: figureTimeoutMs,
  })
  let output = ''
  let readings: Reading[] | undefined
  child.stdout?.on('data', text => (output += text))
  child.stderr?.on('data', text => (output += text))
  child.on('message', message => (readings = message as Reading[]))
  return new Promise(resolve => {
    child.on('close', (code, signal) => {
      rmSync(scratch, { recursive: true, force: true })
      if (readings) return resolve({ id, title, readings })
      resolve({ id, title, readings: [], error: `${signal ?? `exit code ${code}`}; ${output.slice(-2000)}` })
    })
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (values.help) return void process.stdout.write(help)
  const only = new RegExp(values.only ?? '')
  const chosen = figures.filter(({ id }) => only.test(id))
  if (chosen.length === 0)
    throw new Error(`no figure fits --only ${values.only}; there are ${figures.map(f => f.id).join(', ')}`)

  build()
  const outcomes: Outcome[] = []
  for (const figure of chosen) {
    const outcome = await measure(figure)
    outcomes.push(outcome)
    if (!values.json) console.log(`${toText(outcome)}\n`)
  }
  console.log(values.json ? toJson(origin(), outcomes) : footer(origin()))
  if (outcomes.some(({ error }) => error)) process.exitCode = 1
}

await main().catch(error => {
  console.error(`bench: ${error.message}`)
  process.exitCode = 2
})
