import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Report } from './client.ts'

const program = fileURLToPath(new URL('client.ts', import.meta.url))

/** Runs a client to its end, as a process of its own that joins by this address. */
export async function runClient(address: string, args: readonly (string | number)[]): Promise<Report> {
  const child = spawn(process.execPath, [...process.execArgv, program, ...args.map(String)], {
    env: { ...process.env, SHOAL_ADDRESS: address },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, code] = await Promise.all([text(child.stdout), new Promise(resolve => child.once('close', resolve))])
  if (code !== 0) throw new Error(`a client ended with ${code}`)
  return JSON.parse(output) as Report
}
