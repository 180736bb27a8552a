import { homeAt } from '../home/index.ts'
import type { Command } from './command.ts'
import { agentChecks } from './doctor-agent.ts'
import type { Check } from './doctor-check.ts'
import { homeChecks } from './doctor-home.ts'
import { machineChecks } from './doctor-machine.ts'
import { meshChecks } from './doctor-mesh.ts'
import { stateStyle } from './state-style.ts'
import { printable, type Terminal } from './terminal.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'checks Node, the clock, disk, limits, the home, the agent and the other peers, and says what to do',
  usage: '',
  about: [
    "Checks what Shoal needs on this machine: Node's version, native parts, the clock, disk space, limits, the files of",
    '$SHOAL_HOME, whether the agent answers, and whether it reaches each other peer by UDP and TCP (a firewall?) and agrees',
    'with its clock. Each line is ok, warn or fail; exit code 1 if one fails.',
  ].join('\n'),
  options: {},
  json: '{ ok: boolean, checks: { name, state: "ok" | "warn" | "fail", message, advice? }[] }',
  examples: [['shoal doctor', 'is this machine fit, and if not, why?']],
  async run(_args, terminal) {
    const home = homeAt()
    const local = [...machineChecks(home), ...homeChecks(home), ...(await agentChecks(home))]
    // An agent that does not answer is told of above.
    const checks = [...local, ...(await meshChecks(home).catch(() => []))]
    const ok = checks.every(({ state }) => state !== 'fail')
    if (terminal.json) terminal.printJson({ ok, checks })
    else terminal.print(checksText(checks, terminal))
    return ok ? 0 : 1
  },
}

function checksText(checks: readonly Check[], terminal: Terminal): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks
    .map(({ name, state, message, advice }) => {
      const line = `${terminal.style(stateStyle(state) ?? 'reset', state.padEnd(4))}  ${name.padEnd(width)}  ${printable(message)}`
      return advice ? `${line}\n${' '.repeat(width + 8)}→ ${printable(advice)}` : line
    })
    .join('\n')
}
