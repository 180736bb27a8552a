import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { PeerInfo } from 'shoal'
import { eventually, type Ran, shoal } from '../sdk/meshes.ts'

/** An agent process of a mesh under test. */
export interface MeshAgent {
  home: string
  peerId: string
  meshId: string
  pid: number
  socket: string
  listen: string[]
}

/** Agents of one mesh on loopback, by the commands that users type. */
export class AgentMesh implements AsyncDisposable {
  readonly agents: MeshAgent[] = []
  readonly #homes: string[] = []
  /** Of all agents that were started, those that were started again too. */
  readonly #pids = new Set<number>()

  static async start(count: number, ...options: string[]): Promise<AgentMesh> {
    const mesh = new AgentMesh()
    try {
      for (let i = 0; i < count; i++) await mesh.add(...options)
      for (const agent of mesh.agents) await mesh.settled(agent, count)
    } catch (error) {
      await mesh[Symbol.asyncDispose]()
      throw error
    }
    return mesh
  }

  home(): string {
    const home = mkdtempSync(join(tmpdir(), 'shoal-test-'))
    this.#homes.push(home)
    return home
  }

  async add(...options: string[]): Promise<MeshAgent> {
    const how = this.agents.length === 0 ? ['up'] : ['join', await this.ticket(this.agents[0])]
    const agent = await this.launch(this.home(), ...how, ...options)
    this.agents.push(agent)
    return agent
  }

  async launch(home: string, ...args: string[]): Promise<MeshAgent> {
    const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
    const started = await shoal(home, ...args, '--detach', '--json', ...listen)
    if (started.code !== 0) throw new Error(`shoal ${args[0]}: ${started.err}`)
    const agent = { ...JSON.parse(started.out), home } as MeshAgent
    this.#pids.add(agent.pid)
    return agent
  }

  async ticket(agent: MeshAgent, ...options: string[]): Promise<string> {
    const made = await shoal(agent.home, 'ticket', '--json', ...options)
    if (made.code !== 0) throw new Error(made.err)
    return JSON.parse(made.out).ticket
  }

  cli(agent: MeshAgent, ...args: string[]): Promise<Ran> {
    return shoal(agent.home, ...args)
  }

  async peers(agent: MeshAgent): Promise<PeerInfo[]> {
    return JSON.parse((await shoal(agent.home, 'peers', '--json')).out)
  }

  async settled(agent: MeshAgent, alive: number): Promise<void> {
    let last: PeerInfo[] = []
    await eventually(`${alive} peers alive`, async () => {
      last = await this.peers(agent)
      return last.filter(({ state }) => state === 'alive').length === alive
    }).catch(error => {
      const states = last.map(({ peerId, state }) => `${peerId} ${state}`)
      throw new Error(`${(error as Error).message}; ${states.join(', ')}\n${this.#logs()}`)
    })
  }

  kill(agent: MeshAgent): void {
    process.kill(agent.pid, 'SIGKILL')
  }

  /** When all programs have left, nothing is left of them anywhere: no object, no reference, every resource free. */
  async nothingLeft(): Promise<void> {
    const living = this.agents.filter(({ pid }) => isRunning(pid))
    if (living.length === 0) return
    const [asked] = living
    const json = async (...args: string[]) => JSON.parse((await this.cli(asked, ...args, '--json')).out)
    let last: unknown
    const nothing = async (): Promise<boolean> => {
      const { resources, available } = await json('status')
      const peers = ((await json('peers')) as PeerInfo[]).filter(({ state }) => state === 'alive')
      last = { resources, available, objects: await json('objects'), stores: peers.map(({ store }) => store) }
      return (
        isDeepStrictEqual(available, resources) &&
        (last as { objects: unknown[] }).objects.length === 0 &&
        peers.every(({ store }) => store.usedBytes === 0 && store.objects === 0)
      )
    }
    await eventually('nothing is left in the mesh', nothing).catch(error => {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(last)}\n${this.#logs()}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.nothingLeft()
    } finally {
      this.#end()
    }
  }

  #logs(): string {
    return this.agents.map(({ home }) => lastLines(join(home, 'logs'))).join('\n')
  }

  #end(): void {
    for (const pid of this.#pids) {
      try {
        // Not another process that was given the number meanwhile.
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('shoal')) process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
    for (const home of this.#homes) rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** The end of each log of an agent, for the one who reads why a test failed. */
function lastLines(folder: string): string {
  return readdirSync(folder)
    .map(name => readFileSync(join(folder, name), 'utf8').split('\n').slice(-30).join('\n'))
    .join('\n')
}
