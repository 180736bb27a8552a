import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type InitOptions, init, type Mesh, type ObjectRow } from 'shoal'
import { collectNow } from '../../wire/collection.ts'

const bin = fileURLToPath(new URL('../../agent/cli/shoal.ts', import.meta.url))

export interface Ran {
  code: number | null
  out: string
  err: string
}

/** Runs a program of Node's to its end. */
export function run(args: string[], env: Record<string, string> = {}): Promise<Ran> & { pid: number } {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', text => {
    out += text
  })
  child.stderr.on('data', text => {
    err += text
  })
  const ended = new Promise<Ran>(resolve => child.on('close', code => resolve({ code, out, err })))
  return Object.assign(ended, { pid: child.pid as number })
}

/** The `shoal` command. */
export function shoal(home: string, ...args: string[]): Promise<Ran> {
  return run([bin, ...args], { SHOAL_HOME: home })
}

/** An agent of its own, in a process of its own, with a home that goes with it. */
export async function startAgent(
  ...options: string[]
): Promise<{ home: string; socket: string; pid: number } & AsyncDisposable> {
  const home = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  const up = await shoal(home, 'up', '--detach', '--json', '--listen', '127.0.0.1:0', ...options)
  if (up.code !== 0) {
    rmSync(home, { recursive: true, force: true })
    throw new Error(`shoal up: ${up.err}${up.out}`)
  }
  const { socket, pid } = JSON.parse(up.out) as { socket: string; pid: number }
  return {
    home,
    socket,
    pid,
    async [Symbol.asyncDispose]() {
      await shoal(home, 'down', '--now')
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** Waits until something holds, and says what if it does not: what finished work held is gone within 30 s. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  instead: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); await delay(20)) {
    if (Date.now() <= end) continue
    const found = await instead()
    throw new Error(`not within 30 s: ${what}${found === undefined ? '' : `; ${JSON.stringify(found)}`}`)
  }
}

/** Nothing is left of anything: no object, every resource free. What this program has merely dropped is collected first. */
export async function nothingLeft(mesh: Mesh): Promise<void> {
  collectNow()
  await eventually(
    'every resource is free',
    async () => JSON.stringify(await mesh.available()) === JSON.stringify(await mesh.resources()),
  )
  const left = (): Promise<ObjectRow[]> => Array.fromAsync(mesh.state.objects())
  collectNow()
  await eventually('no object is left', async () => (await left()).length === 0, left)
}

/** Both ways of having a peer: one in this program, and this machine's agent over its socket. */
export const ways: {
  way: string
  open(options?: InitOptions, ...agent: string[]): Promise<{ mesh: Mesh } & AsyncDisposable>
}[] = [
  {
    way: 'embedded',
    async open(options = {}) {
      // Small stores: the memory of a closed mesh is free only after a collection.
      const mesh = await init({ address: 'local', cpus: 2, objectStoreBytes: 1 << 28, logToDriver: false, ...options })
      return {
        mesh,
        async [Symbol.asyncDispose]() {
          await mesh.close()
        },
      }
    },
  },
  {
    way: 'agent',
    async open({ cpus = 2, objectStoreBytes, ...options } = {}) {
      const store = objectStoreBytes === undefined ? [] : ['--object-store', String(objectStoreBytes)]
      const agent = await startAgent('--cpus', String(cpus), ...store)
      const mesh = await init({ address: agent.socket, logToDriver: false, ...options })
      return {
        mesh,
        async [Symbol.asyncDispose]() {
          await mesh.close()
          await agent[Symbol.asyncDispose]()
        },
      }
    },
  },
]
