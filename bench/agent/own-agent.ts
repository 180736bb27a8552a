import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Starts an agent in a temporary home with `shoal up`; `using` ends it. */
export function startOwnAgent(cpus: number): Disposable & { socket: string } {
  const home = mkdtempSync(join(tmpdir(), 'agent-'))
  const command = fileURLToPath(new URL('../agent/cli/shoal.js', import.meta.resolve('shoal')))
  const shoal = (...args: string[]) => {
    const options = { env: { ...process.env, SHOAL_HOME: home }, encoding: 'utf8', timeout: 30_000 } as const
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], options)
    if (status !== 0) throw new Error(`shoal ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const { socket } = JSON.parse(shoal('up', '--detach', '--json', '--cpus', String(cpus), '--listen', '127.0.0.1:0'))
  return {
    socket,
    [Symbol.dispose]() {
      shoal('down', '--now')
      rmSync(home, { recursive: true, force: true })
    },
  }
}
