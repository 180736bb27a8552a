import { type AgentConnection, withAgent } from './agent-connection.ts'
import type { Command } from './command.ts'
import { type FilterKeys, filterOption, readFilters } from './filters.ts'
import { type Column, formatTable } from './table.ts'

/** A command that lists rows of one kind: `shoal tasks`, … */
interface ListSpec<Row> {
  readonly name: string
  readonly summary: string
  readonly about: string
  readonly rowType: string
  readonly filters: FilterKeys
  readonly examples: Command['examples']
  readonly columns: readonly Column<Row>[]
  /** What is printed where there are no rows. */
  readonly none: string
  fetch(agent: AgentConnection, filters: Record<string, string>): Promise<Row[]>
}

export function listCommand<Row>(spec: ListSpec<Row>): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    usage: '[--filter KEY=VALUE …]',
    about: spec.about,
    options: { filter: filterOption(spec.filters) },
    json: `an array of ${spec.rowType}`,
    examples: spec.examples,
    async run(args, terminal) {
      const filters = readFilters(args, spec.filters)
      const rows = await withAgent(agent => spec.fetch(agent, filters))
      if (terminal.json) terminal.printJson(rows)
      else if (rows.length > 0) terminal.print(formatTable(spec.columns, rows, terminal))
      else terminal.print(Object.keys(filters).length > 0 ? `No ${spec.name} fit.` : spec.none)
      return 0
    },
  }
}

const pageRows = 1_000

/** All rows of a table that the agent gives in pages; what changes its place between two of them once. */
export async function fetchPages<Row>(
  agent: AgentConnection,
  method: string,
  filter: Record<string, string>,
  idOf: (row: Row) => string,
): Promise<Row[]> {
  const all = new Map<string, Row>()
  for (let after: unknown; ; ) {
    const { rows, next } = await agent.call<{ rows: Row[]; next?: unknown }>(method, { filter, limit: pageRows, after })
    for (const row of rows) all.set(idOf(row), row)
    if (next === undefined || next === null) return [...all.values()]
    after = next
  }
}
