import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** An agent of this program's own, in a home that goes with it. */
export interface OwnAgent extends Disposable {
  /** What `init({ address })` takes. */
  readonly socket: string
}

/** Starts an agent with `shoal up --detach` in a temporary home. `using` ends it; a signal to this process does too. */
export function startOwnAgent(): OwnAgent {
  const home = mkdtempSync(join(tmpdir(), 'shoal-demo-'))
  const env = { ...process.env, SHOAL_HOME: home }
  const shoal = (...args: string[]) =>
    spawnSync(process.execPath, [shoalCommand(), ...args], { env, encoding: 'utf8', timeout: 30_000 })

  const end = () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('exit', end)
    const { status, stderr } = shoal('down', '--now')
    if (status !== 0) process.stderr.write(`word-count: the agent in ${home} did not stop: ${stderr}`)
    rmSync(home, { recursive: true, force: true })
  }
  const onSignal = (signal: NodeJS.Signals) => {
    end()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('exit', end)

  const up = shoal('up', '--detach', '--json', '--listen', '127.0.0.1:0')
  if (up.status !== 0) {
    end()
    throw new Error(`shoal up failed: ${up.stderr}`)
  }
  return { socket: JSON.parse(up.stdout).socket, [Symbol.dispose]: end }
}

/** The command of the very package that this program imports: its compiled file, or its source in the repository. */
function shoalCommand(): string {
  const door = import.meta.resolve('shoal')
  return fileURLToPath(new URL(door.endsWith('.ts') ? '../agent/cli/shoal.ts' : '../agent/cli/shoal.js', door))
}
