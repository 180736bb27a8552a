import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** One agent process of this program's own mesh. */
export interface OwnAgent {
  readonly home: string
  readonly peerId: string
  readonly pid: number
  /** What `init({ address })` takes. */
  readonly socket: string
}

/** Agents of this program's own, in homes that go with them: a mesh that `shoal up` and `shoal join` made. */
export interface OwnMesh extends Disposable {
  readonly agents: readonly OwnAgent[]
  /** SIGKILL: as if that machine had lost its power. */
  kill(agent: OwnAgent): void
  /** They stay when the program ends; says how to look around and how to end them. */
  keep(): string
}

/**
 * Starts `count` agents: the first founds a mesh by `shoal up`, each other joins by `shoal join` with a ticket of the first.
 * Together they offer the machine's CPUs, each at least one. `using` ends them; a signal to this process does too.
 */
export function startOwnMesh(count: number, cpus: number): OwnMesh {
  const agents: OwnAgent[] = []
  const homes: string[] = []
  const killed = new Set<OwnAgent>()
  let kept = false

  const end = () => {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('exit', end)
    if (kept) return
    for (const agent of agents) if (!killed.has(agent)) shoal(agent.home, 'down', '--now')
    for (const home of homes) rmSync(home, { recursive: true, force: true })
    agents.length = 0
  }
  const onSignal = (signal: NodeJS.Signals) => {
    end()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('exit', end)

  try {
    for (let i = 0; i < count; i++) {
      const home = mkdtempSync(join(tmpdir(), `shoal-demo-${i + 1}-`))
      homes.push(home)
      const share = Math.max(1, Math.floor(cpus / count) + (i < cpus % count ? 1 : 0))
      const how = i === 0 ? ['up'] : ['join', ticketOf(agents[0])]
      const started = shoal(home, ...how, '--detach', '--json', '--listen', '127.0.0.1:0', '--cpus', String(share))
      if (started.status !== 0) throw new Error(`shoal ${how[0]} failed: ${started.stderr}`)
      agents.push({ home, ...JSON.parse(started.stdout) })
    }
  } catch (error) {
    end()
    throw error
  }
  return {
    agents,
    kill(agent) {
      killed.add(agent)
      process.kill(agent.pid, 'SIGKILL')
    },
    keep() {
      kept = true
      const alive = agents.filter(agent => !killed.has(agent))
      return alive.map(({ home }) => `  SHOAL_HOME=${home} npx shoal status     (… shoal down ends it)`).join('\n')
    },
    [Symbol.dispose]: end,
  }
}

function ticketOf(agent: OwnAgent): string {
  const made = shoal(agent.home, 'ticket', '--json')
  if (made.status !== 0) throw new Error(`shoal ticket failed: ${made.stderr}`)
  return JSON.parse(made.stdout).ticket
}

function shoal(home: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, SHOAL_HOME: home }
  return spawnSync(process.execPath, [shoalCommand(), ...args], { env, encoding: 'utf8', timeout: 60_000 })
}

/** The command of the very package that this program imports: its compiled file, or its source in the repository. */
function shoalCommand(): string {
  const door = import.meta.resolve('shoal')
  return fileURLToPath(new URL(door.endsWith('.ts') ? '../agent/cli/shoal.ts' : '../agent/cli/shoal.js', door))
}
