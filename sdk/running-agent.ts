import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'

const ANSWER_MS = 1000

/** The socket of this machine's agent, of `$SHOAL_HOME`, if one runs. */
export async function runningAgent(): Promise<string | undefined> {
  const home = process.env.SHOAL_HOME || join(homedir(), '.shoal')
  let socket: unknown
  try {
    socket = (JSON.parse(readFileSync(join(home, 'agent.json'), 'utf8')) as { socket?: unknown }).socket
  } catch {
    return undefined
  }
  if (typeof socket !== 'string') return undefined
  return (await answers(socket)) ? socket : undefined
}

/** A killed agent leaves its record behind: only a socket that accepts counts. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    const done = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(ANSWER_MS, () => done(false))
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}
