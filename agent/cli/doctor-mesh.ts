import { meshLimits } from '../../mesh/index.ts'
import { quicPackage, quicVersion } from '../../mesh/links/index.ts'
import type { Reach } from '../../mesh/node/index.ts'
import { findAgent, type Home } from '../home/index.ts'
import { connectAgent } from './agent-connection.ts'
import { type Check, fail, ok, warn } from './doctor-check.ts'

/** Three memory-exhaustion advisories of the QUIC library hold below this release. */
const quicVersionMin = [2, 1, 4]

/** The QUIC binding, and the other members as this machine's agent reaches them. */
export async function meshChecks(home: Home): Promise<Check[]> {
  const checks = [quicCheck()]
  const found = await findAgent(home)
  if (found.state !== 'running') return checks
  const agent = await connectAgent(home, found.record)
  try {
    const rows = await agent.call<Reach[]>('reach')
    if (rows.length === 0) checks.push(ok('peers', 'this peer is alone in its mesh: shoal ticket lets others in'))
    for (const row of rows) checks.push(reachCheck(row))
  } finally {
    agent.close()
  }
  return checks
}

function quicCheck(): Check {
  const version = quicVersion()
  if (version === undefined)
    return fail('quic', 'the QUIC library of this platform is not installed', `npm install ${quicPackage()}`)
  const parts = version.split('.').map(Number)
  const older = parts.findIndex((part, i) => part !== quicVersionMin[i])
  if (older >= 0 && parts[older] < quicVersionMin[older]) {
    return warn(
      'quic',
      `${quicPackage()} ${version} has known weaknesses`,
      `npm install ${quicPackage()}@${quicVersionMin.join('.')} or later`,
    )
  }
  return ok('quic', `${quicPackage()} ${version}`)
}

function reachCheck({ peerId, address, state, linked, skewMs, udp, tcp }: Reach): Check {
  const name = `peer …${peerId.slice(-6)}`
  const where = address ?? 'it dials out only'
  if (Math.abs(skewMs) > meshLimits.clockSkewMs / 2) {
    const seconds = Math.round(skewMs / 1000)
    return warn(
      name,
      `${where}: its clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`,
      'set both clocks (timedatectl, chrony): credentials allow 5 minutes',
    )
  }
  if (address === undefined)
    return linked ? ok(name, `${where}; linked`) : warn(name, `${where}; ${state}`, 'it links itself when it runs')
  const port = address.slice(address.lastIndexOf(':') + 1)
  if (udp !== 'ok' && tcp === 'ok') {
    return fail(
      name,
      `${where}: TCP answers, UDP does not (${udp})`,
      `allow UDP port ${port} in the firewalls between the two machines`,
    )
  }
  if (udp === 'ok' && tcp !== 'ok') {
    return warn(
      name,
      `${where}: UDP answers, TCP does not (${tcp})`,
      `allow TCP port ${port} too: a killed peer is noticed sooner with it`,
    )
  }
  if (udp !== 'ok')
    return fail(
      name,
      `${where}: no answer by UDP (${udp}) and TCP (${tcp})`,
      'is its agent running? shoal status there; else a firewall, or another address',
    )
  return ok(name, `${where}: UDP and TCP answer; clocks differ by ${Math.abs(skewMs)} ms; ${state}`)
}
