import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface BenchAgent {
  home: string
  peerId: string
  pid: number
  socket: string
}

/** Agents of one mesh on loopback, each with a home of its own. */
export class BenchMesh implements Disposable {
  readonly agents: BenchAgent[] = []

  constructor(count: number, cpus: number) {
    for (let i = 0; i < count; i++) this.add(cpus)
  }

  /** One more; gives it and how long its command took, in milliseconds. */
  add(cpus: number): { agent: BenchAgent; ms: number } {
    const home = mkdtempSync(join(tmpdir(), 'peer-'))
    const how =
      this.agents.length === 0 ? ['up'] : ['join', JSON.parse(shoal(this.agents[0].home, 'ticket', '--json')).ticket]
    const startedAt = performance.now()
    const line = shoal(home, ...how, '--detach', '--json', '--cpus', String(cpus), '--listen', '127.0.0.1:0')
    const ms = performance.now() - startedAt
    const agent = { home, ...JSON.parse(line) }
    this.agents.push(agent)
    return { agent, ms }
  }

  [Symbol.dispose](): void {
    for (const { home, pid } of this.agents) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It was killed already.
      }
      rmSync(home, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}

function shoal(home: string, ...args: string[]): string {
  const command = fileURLToPath(new URL('../agent/cli/shoal.js', import.meta.resolve('shoal')))
  const options = { env: { ...process.env, SHOAL_HOME: home }, encoding: 'utf8', timeout: 60_000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], options)
  if (status !== 0) throw new Error(`shoal ${args[0]}: ${stderr}`)
  return stdout
}
