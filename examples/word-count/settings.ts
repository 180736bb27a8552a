import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

const help = `Counts the words of the text files under a folder, on Shoal and in one process, and compares.

  npm run demo -- [options]

  --root DIR        the folder (default: node_modules of this repository)
  --batch-mb N      megabytes a map task counts (default: 1.5)
  --reducers N      reduce tasks, each with its share of the words (default: 4)
  --agent           start an agent of its own with 'shoal up', run on it, end it with 'shoal down'
  --json            print one JSON object in place of the table
  --help            this text
`

/** What the command line says. */
export interface Settings {
  root: string
  batchBytes: number
  reducers: number
  agent: boolean
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
        agent: { type: 'boolean', default: false },
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
    const { agent, json } = values
    return { root: resolve(values.root), batchBytes: batchMegabytes * 1e6, reducers, agent, json }
  } catch (error) {
    process.stderr.write(`word-count: ${(error as Error).message} (--help says more)\n`)
    process.exit(2)
  }
}
