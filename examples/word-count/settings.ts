import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const help = `Counts the words of the text files under a folder, on Shoal and in one process, and compares.

On a mesh of agent processes of its own (shoal up, shoal join). Halfway the agent that founded the mesh is killed.

  npm run demo -- [options]

  --root DIR        the folder (default: node_modules of this repository)
  --batch-mb N      megabytes a map task counts (default: 1.5)
  --reducers N      reduce tasks, each with its share of the words (default: 4)
  --peers N         agents of the mesh (default: 3; with 1 or 2 nothing is killed)
  --keep            leave the mesh up at the end, to look around in
  --local           on an embedded peer inside this program instead: no agents, no network
  --json            print one JSON object in place of the table
  --help            this text
`

/** What the command line says. */
export interface Settings {
  root: string
  batchBytes: number
  reducers: number
  /** Agents of a mesh of its own; 0: an embedded peer. */
  peers: number
  keep: boolean
  json: boolean
}

/** Reads the command line; on `--help` or a mistake it says so and ends the process, with 0 or 2. */
export function readSettings(args: readonly string[], rootDefault: string): Settings {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        root: { type: 'string', default: rootDefault },
        'batch-mb': { type: 'string', default: '1.5' },
        reducers: { type: 'string', default: '4' },
        peers: { type: 'string', default: '3' },
        keep: { type: 'boolean', default: false },
        local: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      process.stdout.write(help)
      process.exit(0)
    }
    const batchMegabytes = Number(values['batch-mb'])
    const reducers = Number(values.reducers)
    if (!(batchMegabytes >= 0.01 && batchMegabytes <= 1000)) {
      throw new Error(`--batch-mb is ${values['batch-mb']}; allowed is 0.01 to 1000`)
    }
    if (!Number.isInteger(reducers) || reducers < 1 || reducers > 1000) {
      throw new Error(`--reducers is ${values.reducers}; allowed is a whole number from 1 to 1000`)
    }
    const peers = Number(values.peers)
    if (!Number.isInteger(peers) || peers < 1 || peers > 20) {
      throw new Error(`--peers is ${values.peers}; allowed is a whole number from 1 to 20`)
    }
    const { keep, local, json } = values
    const batchBytes = batchMegabytes * 1e6
    return { root: resolve(values.root), batchBytes, reducers, peers: local ? 0 : peers, keep, json }
  } catch (error) {
    process.stderr.write(`word-count: ${(error as Error).message} (--help says more)\n`)
    process.exit(2)
  }
}
